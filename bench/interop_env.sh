#!/bin/sh
# Makes the environment with the real LeRobot when it is missing or its requirements changed; prints its python.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
venv=${ROBOTDATA_INTEROP_VENV:-$here/.venv-interop}
python=${PYTHON:-python3}
want=$(cat "$here/requirements-interop.txt" "$here/requirements-interop-nodeps.txt" | cksum)
if [ "$(cat "$venv/.requirements" 2>/dev/null || true)" != "$want" ]; then
    echo "Making $venv with the real LeRobot (once, several minutes) ..." >&2
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv" >&2
    pip="$venv/bin/python -m pip install --quiet --disable-pip-version-check"
    $pip -r "$here/requirements-interop.txt" >&2
    $pip --no-deps -r "$here/requirements-interop-nodeps.txt" >&2
    printf '%s' "$want" > "$venv/.requirements"
fi
echo "$venv/bin/python"
