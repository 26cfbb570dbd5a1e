from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from robotdata.rig.lock import RigInUse, RigLock
from robotdata.rig.process import main, recover_leftovers
from robotdata.spool import TakeWriter, new_take_id, read_manifest


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "robotdata.rig", *arguments]
    environment = os.environ | {"ROBOTDATA_LOG": "INFO"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as running:
        try:
            yield running
        finally:
            running.kill()


def test_it_runs_alone_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with process("--spool", str(tmp_path)) as rig:
        assert rig.stderr is not None
        assert "rig sim is running" in rig.stderr.readline()
        with pytest.raises(RigInUse, match=rf"'sim' is in use by pid {rig.pid} since 20"):
            RigLock(tmp_path, "sim")
        time.sleep(0.2)
        rig.send_signal(signal.SIGTERM)
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
