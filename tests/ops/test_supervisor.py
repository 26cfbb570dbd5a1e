"""The supervisor on real processes: restarts, the orderly end, and no orphan after its own death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from robotdata.supervisor import Child, Supervisor

CHILD = """
import pathlib, signal, sys, time
out = pathlib.Path(sys.argv[1])
with out.open("a") as file: file.write("start\\n")
def end(*_):
    with out.open("a") as file: file.write("end\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
if "crash" in sys.argv: sys.exit(1)
if "wrong" in sys.argv: sys.exit(2)
pid = out.with_suffix(".part")
pid.write_text(str(__import__("os").getpid()))
pid.rename(out.with_suffix(".pid"))
while True: time.sleep(0.05)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Child]:
    """Makes a child process that writes down its starts and its orderly end."""
    (tmp_path / "a_child.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path.cwd()}")
    return lambda name, *args: Child(name, "a_child", [str(tmp_path / name), *args], grace_s=60)


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end, "waited 60 s in vain"
        time.sleep(0.05)


def log(tmp_path: Path, name: str) -> list[str]:
    path = tmp_path / name
    return path.read_text().split() if path.exists() else []


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that nobody reaped is gone all the same.
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def test_it_starts_again_what_dies(tmp_path: Path, child: Callable[..., Child]) -> None:
    said: list[str] = []
    supervisor = Supervisor([child("rig", "crash")], say=said.append)
    supervisor.start_all()
    wait_for(lambda: supervisor.tick() or len(log(tmp_path, "rig")) >= 2)
    supervisor.stop_all()
    assert "rig exited unexpectedly (exit code 1); starting it again" in said[0]


def test_it_tells_wrong_settings_once_and_lets_the_others_live(tmp_path: Path, child: Callable[..., Child]) -> None:
    said: list[str] = []
    supervisor = Supervisor([child("rig", "wrong"), child("web")], say=said.append)
    supervisor.start_all()
    wait_for(lambda: supervisor.tick() or (bool(said) and bool(log(tmp_path, "web"))))
    for _ in range(10):
        supervisor.tick()
    assert len(said) == 1 and "settings are wrong" in said[0]
    assert log(tmp_path, "rig") == ["start"]
    assert supervisor.children[1].alive()
    supervisor.stop_all()


def test_it_ends_children_in_the_order_given(tmp_path: Path, child: Callable[..., Child]) -> None:
    supervisor = Supervisor([child("web"), child("rig")], say=lambda _: None, ending=["rig", "web"])
    supervisor.start_all()
    wait_for(lambda: (tmp_path / "web.pid").exists() and (tmp_path / "rig.pid").exists())
    supervisor.stop_all()
    assert log(tmp_path, "rig") == log(tmp_path, "web") == ["start", "end"]
    assert (tmp_path / "rig").stat().st_mtime_ns <= (tmp_path / "web").stat().st_mtime_ns


def test_it_starts_a_delayed_child_when_it_is_told_to_or_the_delay_has_passed(
    tmp_path: Path, child: Callable[..., Child]
) -> None:
    now = [0.0]
    first, second = child("worker"), child("late")
    first.start_delay_s, second.start_delay_s = 10.0, 20.0
    supervisor = Supervisor([child("web"), first, second], say=lambda _: None, clock=lambda: now[0])
    supervisor.start_all()
    supervisor.tick()
    assert [each.alive() for each in supervisor.children] == [True, False, False]
    now[0] = 10.0
    supervisor.tick()
    assert [each.alive() for each in supervisor.children] == [True, True, False]
    supervisor.start_delayed()
    supervisor.tick()
    assert [each.alive() for each in supervisor.children] == [True, True, True]
    supervisor.stop_all()


def test_what_waited_for_its_delay_is_never_started_after_the_end(child: Callable[..., Child]) -> None:
    worker = child("worker")
    worker.start_delay_s = 10.0
    supervisor = Supervisor([worker], say=lambda _: None)
    supervisor.start_all()
    supervisor.stop_all()
    assert worker.process is None


def test_it_leaves_no_orphan_when_it_is_killed_itself(tmp_path: Path, child: Callable[..., Child]) -> None:
    child("web")  # writes the module
    code = (
        "from robotdata.supervisor import Child, Supervisor\n"
        f"s = Supervisor([Child('web', 'a_child', [{str(tmp_path / 'web')!r}])], say=print)\n"
        "s.run()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    wait_for(lambda: (tmp_path / "web.pid").exists())
    pid = int((tmp_path / "web.pid").read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_for(lambda: not alive(pid))
    assert log(tmp_path, "web") == ["start", "end"]  # it was told, not shot


def test_it_lets_its_children_open_as_many_files_as_the_system_allows() -> None:
    root = Path(__file__).resolve().parents[2]
    code = (
        "import resource as r; from robotdata.supervisor import raise_file_limit; "
        "_, hard = r.getrlimit(r.RLIMIT_NOFILE); r.setrlimit(r.RLIMIT_NOFILE, (64, hard)); raise_file_limit(); "
        "print(r.getrlimit(r.RLIMIT_NOFILE)[0] > 64, r.getrlimit(r.RLIMIT_NOFILE)[1] == hard)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
