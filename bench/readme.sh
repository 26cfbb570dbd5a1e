#!/usr/bin/env bash
# What the README names, as a person runs it: `make run` to a live page and its end, `make demo` with the simulated robot,
# and `make demo` with a robot that replays what the first one recorded. Each is bounded in time, and generous: a slow
# machine passes. A loop that a busy machine holds back is no failure here (ACCEPT_RATE).
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
within() {
  if command -v timeout > /dev/null; then timeout --kill-after=120 "$@"; else "${@:2}"; fi
}
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
export ACCEPT_RATE=1 EPISODES=2 TAKE_SECONDS=3
unset SOURCE CODEC ROBOTDATA_HOME
within 1500 "$python" bench/run_check.py
HOME_DIR="$home/simulated" within 2400 make --no-print-directory demo
recorded=("$home"/simulated/datasets/*/meta/info.json)
SOURCE=${recorded[0]%/meta/info.json} HOME_DIR="$home/replayed" within 2400 make --no-print-directory demo
