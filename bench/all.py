"""`make bench`: every benchmark in turn, one JSON object to standard output.

Each script beside this one prints one JSON object; what fails is named, never left out. Some of them alone:
`python bench/all.py "record_load.py --load" live_feed.py`.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMMANDS = [
    "record_load.py",
    "record_load.py --load",
    "sim_draw.py",
    "live_feed.py",
    "seek_while_locked.py",
    "frame_latency.py",
    "start_up.py",
    "budgets.py --json",
    "video_encode.py",
    "video_join.py",
    "video_random_frame.py",
    "quality.py",
    "bulk.py",
    "review_keys.py 7",
    "rows.py",
    "play_smooth.py",
    "hostile_connections.py",
    "dataset_scale.py 1000",  # its default of 5,000 episodes takes minutes to make
]


def run(command: str) -> dict[str, object]:
    script, *arguments = command.split()
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        cwd=HERE.parent,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
    )
    sys.stderr.write(done.stderr)
    text = done.stdout.strip()
    if done.returncode or not text:
        return {"failed": (done.stderr or done.stdout).strip().splitlines()[-3:]}
    try:
        return dict(json.loads(text[text.find("{") :]))
    except ValueError:
        return dict(json.loads(text.splitlines()[-1]))


def main() -> None:
    report: dict[str, object] = {"machine": {"cores": os.cpu_count(), "python": platform.python_version()}}
    for command in sys.argv[1:] or COMMANDS:
        sys.stderr.write(f"--- {command}\n")
        report[command] = run(command)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
