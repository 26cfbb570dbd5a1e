"""Scenario: `manage.py verify FOLDER/dataset --deep`; what it says, and its exit code on the last line."""

from __future__ import annotations

import sys
from pathlib import Path


def main(home: Path) -> None:
    from recorder.management.commands.verify import Command

    try:
        Command(stdout=sys.stdout).run_from_argv(["manage.py", "verify", str(home / "dataset"), "--deep"])
    except SystemExit as end:
        sys.stdout.write(f"exit code {end.code}\n")
