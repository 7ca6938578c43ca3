#!/bin/sh
# Builds the last stage of the Dockerfile around a static binary of this machine and runs it as production does: an empty
# image, no root, a read-only root file system, no capabilities, 64 MB of memory. Needs Docker, but pulls nothing.
#
#   api/tests/image.sh                what is shipped, with its size (builds for minutes)
#   PROFILE=dev api/tests/image.sh    quicker; a debug build's size is not judged
set -eu
cd "$(dirname "$0")/../.."
profile=${PROFILE:-service}
most=20000000
target=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS='-C target-feature=+crt-static' cargo build --quiet --locked --config api/profile.toml --profile "$profile" -p api --target "$target"
built=${CARGO_TARGET_DIR:-target}/$target/$profile
[ "$profile" = dev ] && built=${CARGO_TARGET_DIR:-target}/$target/debug

name=payments-api-image-test-$$
folder=$(mktemp -d)
clean() {
    docker rm --force "$name" >/dev/null 2>&1 || true
    docker volume rm --force "$name" >/dev/null 2>&1 || true
    docker rmi --force "$name" >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap clean EXIT
trap 'exit 130' INT TERM
fail() { echo "FAIL: $*" >&2; exit 1; }
ok() { echo "  ok  $*"; }

mkdir -p "$folder/image/data"
cp "$built/payments-api" "$folder/image/"
sed -n '/^FROM scratch/,$p' Dockerfile | sed 's/^COPY --from=build \(.*\) \/image \/$/COPY \1 image \//' >"$folder/Dockerfile"
DOCKER_BUILDKIT=0 docker build --quiet --tag "$name" "$folder" >/dev/null 2>"$folder/log" || fail "$(cat "$folder/log")"

size=$(docker image inspect --format '{{.Size}}' "$name")
[ "$profile" = dev ] || [ "$size" -le $most ] || fail "the image has $size bytes, more than $most"
ok "the image has $size bytes"
[ "$(docker image inspect --format '{{.Config.User}}' "$name")" = 65532:65532 ] || fail "it runs as another user"
docker create --name "$name" "$name" >/dev/null
# The engine adds places to mount at.
files=$(docker export "$name" | tar -t | grep -Ev '^(\.dockerenv|dev/.*|etc/.*|proc/|sys/)$' | sort | tr '\n' ' ')
docker rm "$name" >/dev/null
[ "$files" = "data/ payments-api " ] || fail "it holds $files"
ok "it holds one file and runs as user 65532"

run() {
    docker run --name "$name" --read-only --cap-drop ALL --security-opt no-new-privileges --memory 64m --cpus 0.25 \
        --network none --env ADMIN_USER=admin --env ADMIN_PASS="image $$" --env DRAIN_SECONDS=0 "$@"
}
# refuses TEXT OPTIONS...
refuses() {
    expected=$1
    shift
    code=0
    run --rm "$@" "$name" >"$folder/log" 2>&1 || code=$?
    grep -q "^payments-api: DATABASE_URL: .*$expected" "$folder/log" || fail "expected '$expected': $(cat "$folder/log")"
    [ "$code" = 64 ] || fail "exit code $code"
    ok "it stops: $expected"
}
refuses 'SQLite without a volume'
refuses 'may not write the folder /data' --env DATABASE_EPHEMERAL=true

docker volume create "$name" >/dev/null
run --detach --volume "$name:/data" "$name" >/dev/null
for _ in $(seq 60); do
    health=$(docker inspect --format '{{.State.Health.Status}}' "$name")
    [ "$health" != starting ] && break
    sleep 1
done
[ "$health" = healthy ] || fail "the health check says $health: $(docker logs "$name" 2>&1)"
ok "its own health check finds it healthy"
docker exec "$name" /payments-api smoke http://127.0.0.1:8000 >"$folder/log" || fail "$(cat "$folder/log")"
ok "smoke: $(tail -n 1 "$folder/log")"
docker exec "$name" /payments-api load http://127.0.0.1:8000 --seconds 3 --connections 8 --scenario create >"$folder/log" 2>&1 ||
    fail "$(cat "$folder/log")"
ok "load: $(head -n 1 "$folder/log")"
docker stop --time 20 "$name" >/dev/null
[ "$(docker inspect --format '{{.State.ExitCode}} {{.State.OOMKilled}}' "$name")" = "0 false" ] ||
    fail "it did not stop cleanly: $(docker inspect --format '{{.State.ExitCode}} {{.State.OOMKilled}}' "$name")"
ok "it stops by itself at SIGTERM"
echo PASS
