"""Homes with a migrated database and keys, made once by a real process and copied for each test."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.support import programs
from tests.support.nth_call import ROOT

MIGRATE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
"""
WITH_TOKEN = MIGRATE + 'call_command("token", "soak")\n'


def fill_home(home: Path, code: str = MIGRATE) -> str:
    """Give a home that has none yet the state that `code` leaves in a new home; the last line that `code` printed.

    For homes on SQLite whose secrets lie in the home: a process with DATABASE_URL or ROBOTDATA_SECRET_KEY of its own
    would not find what is copied.
    """
    template, said = _made(code)
    state = home / ".state"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    state.mkdir()
    shutil.copystat(template / ".state", state)
    for path in (template / ".state").iterdir():
        if path.is_file() and path.suffix != ".lock":
            shutil.copy2(path, state / path.name)
    return said


@cache
def _made(code: str) -> tuple[Path, str]:
    """The home in which `code` has run, and the last line that it printed; raises RuntimeError where it failed."""
    home = Path(tempfile.mkdtemp(prefix="robotdata-template-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "DJANGO_SETTINGS_MODULE": "robotdata.settings"}
    done = programs.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return home, (done.stdout.splitlines() or [""])[-1]
