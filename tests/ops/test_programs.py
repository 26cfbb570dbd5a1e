"""A program that is forked from the nursery is what an interpreter would be to whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import programs
from tests.support.programs import ROOT

SAYS = """
import os, sys
print(sys.argv, os.getppid(), os.getsid(0) == os.getpid(), os.environ.get("WORD"), os.getcwd(), __name__)
print(os.read(int(sys.argv[1]), 9) if len(sys.argv) > 1 else "", file=sys.stderr)
"""


def both(*words: str, **more: Any) -> tuple[tuple[int, str, str], tuple[int, str, str]]:
    """How a fork ends and what it says, and how an interpreter does."""
    found = []
    for run in (programs.run, subprocess.run):
        done = run([sys.executable, *words], capture_output=True, text=True, timeout=120, **{"cwd": ROOT, **more})
        found.append((done.returncode, done.stdout, done.stderr))
    return found[0], found[1]


def test_it_is_a_child_with_its_own_words_folder_environment_and_files(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("read me twice.....")
    with path.open() as file:
        more = {"cwd": tmp_path, "env": {**os.environ, "WORD": "x"}, "pass_fds": (file.fileno(),)}
        forked, started = both("-c", SAYS, str(file.fileno()), start_new_session=True, **more)
    assert forked[:2] == started[:2]
    assert (forked[2], started[2]) == ("b'read me t'\n", "b'wice.....'\n")
    assert f"{os.getpid()} True x {tmp_path} __main__" in forked[1]


@pytest.mark.parametrize(
    "code",
    [
        "pass",
        "import sys; sys.exit(3)",
        "import sys; sys.exit('no')",
        "import sys; sys.exit()",
        "import atexit; atexit.register(print, 'last')",
        "import threading, time; threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "import sys; print(sys.stdin.read())",
    ],
)
def test_it_ends_as_an_interpreter_ends(code: str) -> None:
    forked, started = both("-c", code, stdin=subprocess.DEVNULL)
    assert forked == started


def test_it_says_what_was_raised() -> None:
    forked, started = both("-c", "raise ValueError(3)")
    assert (forked[0], forked[2].splitlines()[-1]) == (started[0], started[2].splitlines()[-1])


def test_it_is_interrupted_by_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = "import time; print(1, flush=True); time.sleep(100)"
        with programs.Popen([sys.executable, "-c", code], stdout=-1, stderr=-1, text=True) as process:
            assert process.stdout.readline() == "1\n"
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[1]
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.returncode == -signal.SIGINT and "KeyboardInterrupt" in said


def test_each_has_the_settings_of_its_own_environment(tmp_path: Path) -> None:
    for name in ("one", "two"):
        env = {**os.environ, "ROBOTDATA_HOME": str(tmp_path / name), "DJANGO_SETTINGS_MODULE": "robotdata.settings"}
        code = "from django.conf import settings as s; print(s.HOME, s.DATABASES['default']['NAME'], s.TESTING)"
        done = programs.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
        home = tmp_path / name
        assert done.stdout.split() == [str(home), str(home / ".state/robotdata.sqlite3"), "False"], done.stderr


@pytest.mark.parametrize(
    "more", [{"PYTHONWARNINGS": "error"}, {"LD_PRELOAD": "/none"}, {"DATABASE_URL": "postgres://x"}]
)
def test_where_a_fork_would_differ_an_interpreter_is_started(more: dict[str, str]) -> None:
    done = programs.run(
        [sys.executable, "-c", "import sys; print('django.db' in sys.modules)"],
        env={**os.environ, **more},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "False\n"
