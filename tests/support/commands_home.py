"""A home of its own for the commands that people start."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support import programs
from tests.support.nth_call import ROOT


class Home:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = path / ".state/robotdata.sqlite3"
        self.env = {**os.environ, "ROBOTDATA_HOME": str(path), "ROBOTDATA_LOG": "WARNING"}
        self.env["DJANGO_SETTINGS_MODULE"] = "robotdata.settings"

    def manage(self, *args: str) -> tuple[int, str]:
        return self.python("manage.py", *args)

    def python(self, *args: str) -> tuple[int, str]:
        command = [sys.executable, *args]
        done = programs.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=90)
        return done.returncode, done.stdout + done.stderr
