"""F06: Each write of a real rig takes 0.3 s. The queue is bounded; dropped frames are counted and reported."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robotdata.numbers import count
from robotdata.spool import Take
from tests.faults.record_four_big_cameras import CAMERAS
from tests.support.nth_call import ROOT, need_attaching

pytestmark = pytest.mark.faults
SLOW = "inject=writev:delay_enter=300000"


def test_ticks_go_on_and_every_dropped_frame_is_counted(tmp_path: Path) -> None:
    need_attaching()
    command = [sys.executable, "-m", "tests.faults.record_four_big_cameras", str(tmp_path), "0"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as rig:
        assert rig.stdout is not None and rig.stdin is not None
        assert rig.stdout.readline() == "idle\n"
        strace = ["strace", "-f", "-qq", "-e", "signal=none", "-e", "trace=writev", "-e", SLOW, "-p", str(rig.pid)]
        with subprocess.Popen(strace, stderr=subprocess.DEVNULL) as slow:
            rig.stdin.write("go\n")
            rig.stdin.flush()
            assert rig.stdout.readline() == "dropped\n"
            slow.send_signal(signal.SIGINT)  # lets go of it: the disk is quick again
            slow.wait(30)
        said, _ = rig.communicate(timeout=120)
    assert rig.returncode == 0
    manifest = json.loads(said.splitlines()[-1])
    cameras = manifest["counters"]["cameras"]
    assert manifest["state"] == "recorded" and sum(each["dropped"] for each in cameras.values()) > 0
    with Take.open(tmp_path / "spool" / manifest["id"]) as take:
        assert np.array_equal(take.column("tick"), np.arange(take.ticks)) and take.ticks > 10, "no tick is missing"
        for name in CAMERAS:
            key = f"observation.images.{name}"
            track = take.camera(key)
            gaps = int(track.seq[-1] - track.seq[0] + 1 - track.count) if track.count else 0
            assert track.count == cameras[key]["frames"] and gaps <= cameras[key]["dropped"], key
            if cameras[key]["dropped"]:
                texts = [mark["text"] for mark in manifest["marks"] if mark["camera"] == key]
                assert any(f"{count(cameras[key]['dropped'], 'frame')} dropped" in each for each in texts)
