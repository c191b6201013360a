#!/bin/sh
# Bring .venv up to date: `sh dev/setup.sh run` for the program, `sh dev/setup.sh dev` for the tests too.
# This part only finds a Python that is new enough; dev/environment.py does the work.
# Set PYTHON to choose one yourself.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

found=""
if [ -n "${PYTHON:-}" ]; then
    candidates=$PYTHON
else
    candidates="$root/.venv/bin/python python3 python3.13 python3.12 python3.11 python3.14"
fi
for candidate in $candidates; do
    if new_enough "$candidate"; then
        found=$candidate
        break
    fi
done

if [ -z "$found" ]; then
    echo "workbench: Python 3.11 or newer is needed and none was found (looked for: $candidates);" \
        "install one (Debian: apt install python3 python3-venv) or name it: make run PYTHON=/path/to/python3" >&2
    exit 1
fi
exec "$found" -I "$root/dev/environment.py" "$@"
