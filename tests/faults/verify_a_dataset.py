"""Scenario: `manage.py verify FOLDER/dataset --deep`; what it says, and its exit code on the last line."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.warm import Server

LINE = re.compile(r"(?P<file>[\w./-]+)(?:, episode (?P<episode>\d+))?(?:, frame (?P<frame>\d+))?: ")
Blame = tuple[str, int | None, int | None]


def said_of(server: Server, home: Path) -> tuple[int, set[Blame], str]:
    """The command's exit code, whom it blames, and its words."""
    run = server.run("tests.faults.verify_a_dataset", home)
    assert run.code == 0 and "Traceback" not in run.errors, run.errors
    *lines, _, end = run.said.splitlines()
    found = [LINE.match(line) for line in lines if not line.startswith("note: ")]
    whom = {(m["file"], *(int(m[n]) if m[n] else None for n in ("episode", "frame"))) for m in found if m}
    return int(end.rpartition(" ")[2]), whom, run.said  # type: ignore[return-value]


def main(home: Path) -> None:
    from recorder.management.commands.verify import Command

    try:
        Command(stdout=sys.stdout).run_from_argv(["manage.py", "verify", str(home / "dataset"), "--deep"])
    except SystemExit as end:
        sys.stdout.write(f"exit code {end.code}\n")
