"""The control loop with LeRobot's SO-101 drivers: ours beside lerobot-record's, on the same bus, in turn, in one run.

    python bench/arm_loop.py [--seconds 20] [--rounds 3] [--fps 30] [--no-load]

Two arms are programs on serial ports (tests/lerobot/feetech_bus.py). Each loop reads the follower, reads the leader,
sends the action and keeps the row, as it does while it records: LeRobot's `record_loop` with a LeRobotDataset in the
environment of `interop_env.sh newest` (which here gets the arms' packages, too), ours as a rig that records a take in
that of `interop_env.sh drivers`. Meanwhile a process at nice 10 encodes AV1. Prints JSON: of the intervals
between two `get_observation` the deviation from the period in ms, ticks that came more than half a period late, and
each process's share of a core.

Compare the loops by `longer_p99_ms`, of intervals that were too long. A tick that comes late makes the next interval
of our loop too short by as much, because the tick after it is on time; lerobot-record's comes late as well. So `jitter`
counts each late tick of ours twice: its 99th percentile is about the 99.5th of the other loop. `shorter` says how many
intervals were more than 1 ms too short.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
ARM_PACKAGES = ("feetech-servo-sdk", "pyserial", "pynput", "python-xlib", "six", "deepdiff", "orderly-set", "cachebox")


def main() -> None:
    options = _options()
    from bench.record_load import encode_for_ever
    from tests.support.feetech_arm import Arm

    pythons = {"ours": _environment("drivers"), "lerobot": _environment("newest")}
    pins = [line for line in (ROOT / "requirements-lerobot.txt").read_text().split() if line.startswith(ARM_PACKAGES)]
    subprocess.run([pythons["lerobot"], "-m", "pip", "install", "-q", "--no-deps", *pins], check=True)
    with tempfile.TemporaryDirectory() as folder:
        arms = {role: Arm(Path(folder), role) for role in ("follower", "leader")}
        for arm in arms.values():
            _let_answer_at_once(arm.process.pid)
        load = None
        if not options.no_load:
            spawn = multiprocessing.get_context("spawn")
            made = (f"{folder}/load.mp4", spawn.Value("i", 0))
            load = spawn.Process(target=encode_for_ever, args=made, daemon=True)
            load.start()
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
        try:
            for _ in range(options.rounds):
                for name, python in pythons.items():
                    runs[name].append(_run(name, python, arms, Path(folder), options))
        finally:
            if load is not None:
                load.kill()
            for arm in arms.values():
                arm.close()
    print(json.dumps({"load": not options.no_load, "fps": options.fps, **runs}, indent=1))


def _let_answer_at_once(process: int) -> None:
    """Servos wait for no processor, and drivers ask in a loop until they have answered."""
    try:
        os.setpriority(os.PRIO_PROCESS, process, -20)
    except OSError as error:
        print(f"the arms have normal priority: {error}", file=sys.stderr)


def _environment(name: str) -> str:
    script = ["sh", str(ROOT / "bench/interop_env.sh"), name]
    return subprocess.run(script, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _run(name: str, python: str, arms: dict[str, Any], folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Run one loop in its environment, and return its figures."""
    impatient = folder / "impatient"
    impatient.touch()
    path = [str(ROOT), *([] if name == "lerobot" else [str(ROOT / "tests/lerobot/torch_names")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path), "IMPATIENT_AT": str(impatient), "DISPLAY": ""}
    ports = [argument for role, arm in arms.items() for argument in (f"--{role}", arm.port)]
    command = [python, str(ROOT / "bench/arm_loop_side.py"), name, *ports, "--folder", str(folder)]
    command += ["--seconds", str(options.seconds), "--fps", str(options.fps)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=options.seconds + 120)
    done.check_returncode()
    result = json.loads(done.stdout.splitlines()[-1])
    period = 1000 / options.fps
    intervals = np.diff(result["begun_s"]) * 1000
    off = np.abs(intervals - period)
    return {
        "ticks": len(intervals),
        "jitter_p50_ms": round(float(np.percentile(off, 50)), 3),
        "jitter_p99_ms": round(float(np.percentile(off, 99)), 3),
        "longer_p99_ms": round(float(np.percentile(np.maximum(0, intervals - period), 99)), 3),
        "shorter": round(float((intervals < period - 1).mean()), 4),
        "longest_ms": round(float(off.max()), 2),
        "late_ticks": int((intervals > 1.5 * period).sum()),
        "measured_fps": round(1000 / float(intervals.mean()), 3),
        "core": round(result["processor_s"] / result["wall_s"], 3),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fps", type=int, default=30)
    parser.add_argument("--no-load", action="store_true", help="nothing is encoded meanwhile")
    return parser.parse_args()


if __name__ == "__main__":
    begin = time.monotonic()
    main()
    print(f"{time.monotonic() - begin:.0f} s", file=sys.stderr)
