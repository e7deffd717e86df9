#!/bin/sh
# Make a virtual environment with exactly the pinned packages (checked by hash) and this project in it.
#   tools/make_venv.sh PYTHON DIRECTORY REQUIREMENTS
set -eu
python=$1 directory=$2 requirements=$3

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setting up $directory: $python is older than 3.11. Try: make PYTHON=python3.11 ..." >&2; exit 1; }

if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    # Debian keeps this part of Python in a package of its own.
    echo "setting up $directory: installing Debian's python3-venv" >&2
    if [ "$(id -u)" = 0 ]; then become=""; else become="sudo -n"; fi
    $become apt-get install -y --no-install-recommends python3-venv >&2 || {
        echo "setting up $directory: Python's venv is missing. Try: sudo apt-get install python3-venv" >&2; exit 1; }
fi

"$python" -m venv "$directory"
"$directory/bin/pip" install -q --disable-pip-version-check --require-hashes -r "$requirements"
"$directory/bin/pip" install -q --disable-pip-version-check --no-deps -e .
touch "$directory/.ready"
