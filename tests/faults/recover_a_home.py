"""Scenario: what `manage.py recover` does, in the home; say its exit code."""

from __future__ import annotations

import sys
from pathlib import Path


def main(home: Path) -> None:
    from recorder.worker.recover import recover

    report = recover()
    sys.stdout.write(f"recovered {report.code}\n")
    for line in report.messages + report.lost:
        sys.stdout.write(line + "\n")
