"""`make bench`: every benchmark in turn, one JSON object to standard output.

Each script beside this one prints one JSON object as its last line; what fails is named, never left out.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPTS = [
    "record_load.py",
    "live_feed.py",
    "frame_latency.py",
    "start_up.py",
    "video_encode.py",
    "video_join.py",
    "video_random_frame.py",
    "quality.py",
    "dataset_scale.py",
]
FEWER = {"dataset_scale.py": ["1000"]}  # its default of 5,000 episodes takes minutes to make


def run(script: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, str(HERE / script), *FEWER.get(script, [])], cwd=HERE.parent, capture_output=True, text=True
    )
    sys.stderr.write(done.stderr)
    text = done.stdout.strip()
    if done.returncode or not text:
        return {"failed": (done.stderr or done.stdout).strip().splitlines()[-3:]}
    start = text.find("{")
    try:
        return dict(json.loads(text[start:]))
    except ValueError:
        return dict(json.loads(text.splitlines()[-1]))


def main() -> None:
    wanted = sys.argv[1:] or [script for script in SCRIPTS if (HERE / script).exists()]
    report: dict[str, object] = {"machine": {"cores": os.cpu_count(), "python": platform.python_version()}}
    for script in wanted:
        sys.stderr.write(f"--- {script}\n")
        report[script.removesuffix(".py")] = run(script)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
