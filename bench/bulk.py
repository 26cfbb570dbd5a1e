"""Verdicts over many takes at once, and taking them back: how long, and how long another writer has to wait meanwhile.

python bench/bulk.py [takes, default 300] [takes of one request, default 250]
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from desk_home import home_with

OTHER = """
import sqlite3, sys, time
path = sys.argv[1]
waits = []
link = sqlite3.connect(path, timeout=30, isolation_level=None)
link.execute("PRAGMA journal_mode=WAL"); link.execute("PRAGMA synchronous=FULL")
print("ready", flush=True)
end = time.monotonic() + 600
while time.monotonic() < end:
    began = time.monotonic()
    link.execute("BEGIN IMMEDIATE")
    link.execute("UPDATE recorder_rig SET host = ? WHERE name = 'sim'", (str(began),))
    link.execute("COMMIT")
    waits.append(time.monotonic() - began)
    sys.stderr.write(f"{waits[-1]:.4f}\\n"); sys.stderr.flush()
    time.sleep(0.05)
"""


def beside(home: Path, act: Callable[[], Any]) -> dict[str, Any]:
    """Seconds of `act`, while another process writes twenty times a second to the same database."""
    waits = home / "waits"
    database = next((home / ".state").glob("*.sqlite3"))
    with waits.open("w") as said:
        command = [sys.executable, "-c", OTHER, str(database)]
        other = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
        assert other.stdout is not None and other.stdout.readline()
        began = time.perf_counter()
        act()
        seconds = time.perf_counter() - began
        other.kill()
        other.wait()
    found = sorted(float(line) for line in waits.read_text().split("\n") if line.strip())
    if not found:
        return {"seconds": round(seconds, 3), "other_writes": 0}
    middle, longest = found[len(found) // 2], found[-1]
    return {
        "seconds": round(seconds, 3),
        "other_writes": len(found),
        "other_wait_ms": {"median": round(middle * 1e3, 1), "longest": round(longest * 1e3, 1)},
    }


def main() -> None:
    takes = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with home_with(takes) as home:
        from recorder.actor import Actor
        from recorder.models import Episode
        from recorder.review.verdicts import set_verdict, undo

        episodes = list(Episode.objects.select_related("dataset"))
        report: dict[str, Any] = {"takes": takes}
        report["verdict"] = beside(home, lambda: set_verdict(episodes=episodes, verdict="reject", actor=Actor("bench")))
        report["undo"] = beside(home, lambda: undo(actor=Actor("bench")))
        left = Episode.objects.exclude(verdict="unreviewed").count()
        report["taken_back"] = left == 0
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
