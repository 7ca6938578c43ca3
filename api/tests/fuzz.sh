#!/bin/sh
# Fuzzes a running service by its OpenAPI document with schemathesis (PyPI): no 5xx, no undocumented status, no schema
# violation, nothing accepted that the document forbids.
#
#   api/tests/fuzz.sh                                  SQLite in a temporary folder
#   DATABASE_URL=postgres://... api/tests/fuzz.sh      an empty database of yours
#   EXAMPLES=500 api/tests/fuzz.sh                     longer
set -eu
cd "$(dirname "$0")/../.."
mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
venv="$target/schemathesis"
if ! [ -x "$venv/bin/st" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check 'schemathesis==4.32.5'
fi
cargo build --quiet -p api

folder=$(mktemp -d)
export ADMIN_USER=admin ADMIN_PASS="fuzz $$" DATABASE_URL="${DATABASE_URL:-sqlite://$folder/payments.db}"
export HOST=127.0.0.1 METRICS_PORT=0 RATE_LIMIT_PER_MINUTE=0 DRAIN_SECONDS=0
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
PORT=$port "$target/debug/payments-api" >"$folder/log" 2>&1 &
service=$!
trap 'kill $service 2>/dev/null; rm -rf "$folder"' EXIT
until PORT=$port "$target/debug/payments-api" healthcheck 2>/dev/null; do sleep 0.1; done
sleep 1

# Its own notes go into the folder that is removed.
cd "$folder"
# --exclude-checks: a filter or cursor may be well-formed text and still mean nothing (positive_data_acceptance), and
# the document leaves the fields of problems open to grow. A tombstone still shows its events, by design
# (use_after_free).
"$venv/bin/st" run "http://127.0.0.1:$port/openapi.json" --auth "admin:$ADMIN_PASS" \
    --checks all --exclude-checks positive_data_acceptance,use_after_free \
    --max-examples "${EXAMPLES:-40}" --seed "${SEED:-1}" --workers 2 --suppress-health-check all "$@"
