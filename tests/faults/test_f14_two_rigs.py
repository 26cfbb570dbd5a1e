"""F14: A second recorder for the same rig or camera learns who holds it; what a dead process held is free."""

from __future__ import annotations

import fcntl
import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recorder.sockets.conftest import Web
from tests.support import programs
from tests.support.nth_call import ROOT
from tests.support.rigs import TICKED, RigProcess, new_dataset, running, until

pytestmark = pytest.mark.faults


@pytest.fixture
def device() -> Iterator[Path]:
    """What stands for /dev/video0: owned before it is opened. It gives no pictures."""
    if not Path("/proc/locks").exists() or not Path("/dev/shm").is_dir():
        pytest.skip("no /proc/locks or no /dev/shm: nobody can say who holds a device")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        made = Path(folder) / "video0"
        made.touch()
        yield made


@pytest.fixture(scope="module")
def rig(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigProcess]:
    with running(web, tmp_path_factory.mktemp("rig")) as made:
        yield made


def second(rig: RigProcess) -> tuple[int, str]:
    """The same rig once more: how it ends, and what it says."""
    done = programs.run(rig.command, cwd=ROOT, env=rig.env, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def test_a_second_rig_of_the_same_name_is_told_who_has_it_while_the_first_records_on(web: Web, rig: RigProcess) -> None:
    take = rig.record(new_dataset(web, "Two rigs"))
    rig.written(take, 5)
    code, said = second(rig)
    assert code == 2
    assert re.search(rf"rig '{rig.name}' is in use by pid {rig.pid} since 20\d\d-\d\d-\d\dT[\d:.]+", said), said
    assert "stop that process, or give this rig another name" in said
    ticks = rig.ticks()
    rig.written(take, ticks + 5)
    assert rig.do("stop")[0] == 200
    assert rig.ended(take)["end_reason"] == "stop"


def test_the_lock_of_a_dead_rig_is_taken_over(web: Web, rig: RigProcess) -> None:
    lock = rig.spool / f".rig-{rig.name}.lock"
    dead = rig.pid
    rig.end(signal.SIGKILL)
    assert f'"pid": {dead}' in lock.read_text(), "it still names the dead one"
    rig.start()
    assert f'"pid": {rig.pid}' in lock.read_text() and rig.pid != dead
    assert second(rig)[0] == 2


def is_held(device: Path) -> bool:
    with device.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_second_rig_for_the_same_camera_is_told_who_has_it_and_gets_it_from_a_dead_one(
    web: Web, tmp_path: Path, device: Path
) -> None:
    both = {"cameras": {"front": TICKED, "hand": {"kind": "pyav", "url": f"v4l2:{device}"}}}
    one, other = RigProcess(web, tmp_path, **both), RigProcess(web, tmp_path, **both)
    try:
        one.launch()
        until(lambda: is_held(device))  # it has it, though it is not a camera
        other.launch()
        (words,) = until(lambda: [each["text"] for each in other.warnings if "in use" in each["text"]])
        assert words.startswith("Camera hand") and f"v4l2:{device} is in use by pid {one.pid} since 20" in words, words
        assert "stop that process" in words
        one.end(signal.SIGKILL)
        until(lambda: is_held(device) and "cannot be opened" in str(other.warnings))  # tried again by itself
    finally:
        one.end(signal.SIGKILL)
        other.end(signal.SIGKILL)
