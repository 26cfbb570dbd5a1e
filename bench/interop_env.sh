#!/bin/sh
# Makes an environment with the real LeRobot when it is missing or its requirements changed; prints its python.
#   interop_env.sh          LeRobot 0.4.4, which loads datasets (any Python)
#   interop_env.sh newest   LeRobot 0.6.1, which loads datasets (Python 3.12; without one, exit code 3)
#   interop_env.sh pusht    gym-pusht, which the tests of tests/gymnasium record (any Python)
#   interop_env.sh drivers  LeRobot 0.6.1 with its drivers, which record (Python 3.12; without one, exit code 3)
#   interop_env.sh all      all of them at once, for they wait for the network; prints nothing, and says what is not made
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
if [ "${1:-}" = all ]; then
    making=
    for each in datasets newest drivers pusht; do
        sh "$0" "$each" > /dev/null &
        making="$making $!"
    done
    code=0
    for process in $making; do
        wait "$process" || { ended=$?; [ "$ended" -eq 3 ] || code=$ended; }
    done
    exit "$code"
fi
python312() {
    for each in ${PYTHON:-} python3.12 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python3.12; do
        if "$each" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2> /dev/null; then echo "$each"; return; fi
    done
}
case ${1:-datasets} in
    datasets)
        venv=${ROBOTDATA_INTEROP_VENV:-$here/.venv-interop}
        python=${PYTHON:-python3}
        plain=$here/requirements-interop.txt
        alone=$here/requirements-interop-nodeps.txt
        ;;
    newest)
        venv=${ROBOTDATA_NEWEST_VENV:-$here/.venv-lerobot-datasets}
        python=$(python312)
        plain=
        alone=$here/requirements-lerobot-datasets.txt
        ;;
    drivers)
        venv=${ROBOTDATA_LEROBOT_VENV:-$here/.venv-lerobot}
        python=$(python312)
        plain=
        alone=$here/requirements-lerobot.txt
        ;;
    pusht)
        venv=${ROBOTDATA_PUSHT_VENV:-$here/.venv-pusht}
        python=${PYTHON:-python3}
        plain=$here/requirements-pusht.txt
        alone=
        ;;
    *)
        echo "usage: interop_env.sh [datasets|newest|drivers|pusht]" >&2
        exit 2
        ;;
esac
want=$(cat ${plain:+"$plain"} ${alone:+"$alone"} | cksum)
if [ "$(cat "$venv/.requirements" 2>/dev/null || true)" != "$want" ]; then
    if [ ! -x "$venv/bin/python" ] && [ -z "$python" ]; then
        echo "No $venv: it needs Python 3.12, which is not here (PYTHON=/path/to/python3.12)" >&2
        exit 3
    fi
    echo "Making $venv (once, several minutes) ..." >&2
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv" >&2
    pip="$venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile"  # the first import compiles what it needs
    [ -z "$plain" ] || $pip -r "$plain" >&2
    [ -z "$alone" ] || $pip --no-deps -r "$alone" >&2
    printf '%s' "$want" > "$venv/.requirements"
fi
echo "$venv/bin/python"
