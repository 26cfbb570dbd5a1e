"""Each program starts in an interpreter of its own, and imports what it needs by itself.

Most tests start programs in forks of a process that has imported everything (`tests.support.nursery`): a module that
works only because another one was imported before it would not be noticed there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fresh_home import fill_home
from tests.support.nth_call import ROOT

LATE = r"""
import importlib, re, sys
ROOMS = ("robotdata", "recorder", "viewer")
INDENTED = re.compile(r"^ +from ((?:robotdata|recorder|viewer)[.\w]*) import ([^(\n#]+)", re.M)
seen, count = set(), 0
while new := {name for name in sys.modules if name.partition(".")[0] in ROOMS} - seen:
    seen |= new
    for name in sorted(new):
        path = getattr(sys.modules[name], "__file__", None)
        if path is None:
            continue
        with open(path, encoding="utf-8") as file:
            late = INDENTED.findall(file.read())
        for module, names in late:
            found, count = importlib.import_module(module), count + 1
            for each in names.split(","):
                each = each.split()[0]
                if not hasattr(found, each):
                    importlib.import_module(f"{module}.{each}")
assert count, "nothing is imported late"
print("all imported")
"""
WEB = """
from uvicorn.config import Config
served = Config("robotdata.asgi:application", http="robotdata.connections:BoundedHttp", ws="websockets-sansio")
served.load()
"""
WORKER = """
from robotdata.celery import app
app.loader.import_default_modules()
app.finalize()
assert [name for name in app.tasks if name == "robotdata.run_job"], list(app.tasks)
"""
COMMANDS = """
import os, sys
import django
django.setup()
from django.core.management import call_command, get_commands
names = sorted(name for name, app in get_commands().items() if app == "recorder")
assert len(names) > 10, names
for name in names:
    pid = os.fork()
    if pid == 0:  # each command has only what it imports itself
        code = 1
        try:
            call_command(name, "--help")
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0, name
"""


def start(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `python WORDS` to its end; not by `tests.support.programs`, which would fork."""
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "PYTHONPATH": str(ROOT)}
    env |= {"DJANGO_SETTINGS_MODULE": "robotdata.settings"}
    return subprocess.run([sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("program", ["rig", "station"])
def test_a_program_of_a_robots_computer_starts_and_can_import_what_it_imports_late(
    tmp_path: Path, program: str
) -> None:
    done = start(tmp_path, "-m", f"robotdata.{program}", "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: "), done.stderr
    done = start(tmp_path, "-c", f"import robotdata.{program}.process\n{LATE}")
    assert (done.returncode, done.stdout) == (0, "all imported\n"), done.stderr


@pytest.mark.parametrize("program", [WEB, WORKER], ids=["web", "worker"])
def test_web_and_worker_are_imported_with_all_that_they_import_late(tmp_path: Path, program: str) -> None:
    done = start(tmp_path, "-c", program + LATE)
    assert (done.returncode, done.stdout) == (0, "all imported\n"), done.stderr


def test_every_command_is_imported_alone(tmp_path: Path) -> None:
    done = start(tmp_path, "-c", COMMANDS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: ") == len(list((ROOT / "recorder/management/commands").glob("[!_]*.py")))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["signin"], 0, "/sign-in/?code="),
        (["token", "olga"], 0, ""),
        (["verify", "none"], 1, "does not exist"),
    ],
)
def test_a_command_starts(tmp_path: Path, words: list[str], code: int, said: str) -> None:
    home = tmp_path / "home"
    fill_home(home)
    done = start(home, "-m", "robotdata", *words)
    assert done.returncode == code and said in done.stdout + done.stderr, done.stderr
