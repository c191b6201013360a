#!/bin/sh
# Write requirements.lock and requirements-dev.lock from pyproject.toml: exact versions with hashes, for
# every Python and system that the project supports. Versions already locked are kept where they still fit;
# `make lock ARGS=--upgrade` takes the newest, `ARGS="--upgrade-package NAME"` the newest of one.
set -eu
cd -- "$(dirname -- "$0")/.."

tool=.cache/lock
if [ ! -x "$tool/bin/uv" ]; then
    echo "workbench: installing the resolver into $tool." >&2
    python3 -m venv --clear "$tool"
    "$tool/bin/python" -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<0.14'
fi

resolve() {
    "$tool/bin/uv" pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-header --custom-compile-command "make lock" --quiet "$@" >/dev/null
}

resolve --output-file requirements.lock "$@"
resolve --group dev --constraint requirements.lock --output-file requirements-dev.lock "$@"
echo "workbench: wrote requirements.lock and requirements-dev.lock." >&2
