from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from robotdata.rig.lock import RigInUse, RigLock
from robotdata.rig.process import main, recover_leftovers
from robotdata.spool import TakeWriter, new_take_id, read_manifest

TGKILL = {"x86_64": 234, "aarch64": 131}


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "robotdata.rig", *arguments]
    environment = os.environ | {"ROBOTDATA_LOG": "INFO"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as running:
        try:
            yield running
        finally:
            running.kill()


def signal_thread(pid: int, number: int) -> None:
    """Send a signal as the system sometimes does: to another thread than the first, which alone runs handlers."""
    other = max(int(path.name) for path in Path(f"/proc/{pid}/task").iterdir())
    assert other != pid
    assert ctypes.CDLL(None).syscall(TGKILL[os.uname().machine], pid, other, number) == 0


@pytest.mark.parametrize("send", [os.kill, signal_thread])
def test_it_runs_alone_and_ends_when_it_is_told_to(tmp_path: Path, send: Callable[[int, int], None]) -> None:
    with process("--spool", str(tmp_path)) as rig:
        assert rig.stderr is not None
        assert "rig sim is running" in rig.stderr.readline()
        with pytest.raises(RigInUse, match=rf"'sim' is in use by pid {rig.pid} since 20"):
            RigLock(tmp_path, "sim")
        send(rig.pid, signal.SIGTERM)
        assert rig.wait(60) == 0
        assert "all takes are complete" in rig.stderr.read()
    RigLock(tmp_path, "sim").release()


def test_it_says_what_is_wrong_with_its_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "arm.toml"
    path.write_text('[rig]\nname = "arm"\nfps = 0\n')
    assert main([str(path), "--spool", str(tmp_path)]) == 2
    assert "arm.toml: rig.fps: is 0, want a number from 1 to 240" in caplog.text


def test_it_closes_what_a_killed_rig_left(tmp_path: Path) -> None:
    dead = TakeWriter(tmp_path / new_take_id(), {"fps": 30}, {}, {})
    dead.close()
    live = TakeWriter(tmp_path / new_take_id(), {"fps": 30}, {}, {})
    (tmp_path / new_take_id()).mkdir()
    assert recover_leftovers(tmp_path) == [dead.folder.name]
    assert read_manifest(dead.folder)["state"] == "interrupted"
    assert read_manifest(live.folder)["state"] == "recording"
    live.finish()


def test_it_takes_over_the_lock_of_a_dead_process(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, os\nfrom robotdata.rig.lock import RigLock\n"
        "RigLock(pathlib.Path(sys.argv[1]), 'x')\nos._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    RigLock(tmp_path, "x").release()


RIG = '[rig]\nname = "arm"\npython = "{python}"\n[robot]\nkind = "sim"\n[teleoperator]\nkind = "autopilot"\n'


def test_it_runs_with_the_python_that_its_file_names(tmp_path: Path) -> None:
    venv.create(tmp_path / "lab")
    other = tmp_path / "lab/bin/python"
    packages = subprocess.run(
        [sys.executable, "-c", "import site; print(site.getsitepackages()[0])"], capture_output=True
    )
    (next((tmp_path / "lab/lib").iterdir()) / "site-packages/borrowed.pth").write_text(packages.stdout.decode())
    (tmp_path / "arm.toml").write_text(RIG.format(python=other))
    with process(str(tmp_path / "arm.toml"), "--spool", str(tmp_path / "spool")) as rig:
        assert rig.stderr is not None
        assert "rig arm is running" in rig.stderr.readline()
        command = Path(f"/proc/{rig.pid}/cmdline").read_text().split("\0")
        assert command[:3] == [str(other), "-m", "robotdata.rig"]
        rig.send_signal(signal.SIGTERM)
        assert rig.wait(60) == 0


@pytest.mark.parametrize(
    ("python", "words"),
    [
        ("/nowhere/python", "rig.python: is '/nowhere/python', want the path of a Python"),
        ("~no-such-user/python", "rig.python: is '~no-such-user/python', want the path of a Python"),
        ("false", "rig.python: lacks robotdata (exit code 1); run /"),
    ],
)
def test_a_python_that_cannot_run_it_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, python: str, words: str
) -> None:
    (tmp_path / "arm.toml").write_text(RIG.format(python=python))
    assert main([str(tmp_path / "arm.toml"), "--spool", str(tmp_path)]) == 2
    assert f"arm.toml: {words}" in caplog.text
