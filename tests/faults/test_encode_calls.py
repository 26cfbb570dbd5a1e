"""F02, F23, F30: An encode is broken at every write, fsync, rename and unlink: a whole video has the name, or none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from robotdata.export import load_encoded
from robotdata.video import verify_video
from tests.faults.encode_a_camera import out_of
from tests.support.nth_call import BAD_DISK, FULL_DISK, KILL, stride
from tests.support.takes import make_take
from tests.support.warm import Server

pytestmark = pytest.mark.faults
TICKS = 6
SCENARIO = "tests.faults.encode_a_camera"


@pytest.mark.parametrize("how", [KILL, FULL_DISK, BAD_DISK])
@pytest.mark.parametrize("call", ["write", "fsync", "rename", "unlink"])
def test_it_shows_a_whole_video_or_none(tmp_path: Path, warm_server: Server, call: str, how: str) -> None:
    make_take(tmp_path / "before/spool", TICKS, cameras=("front",))
    broken = 0
    for n in range(1, 200, stride(call, write=2)):
        home = tmp_path / f"{n}"
        shutil.copytree(tmp_path / "before", home)
        run = warm_server.broken(SCENARIO, home, call=call, how=how, n=n)
        if "INJECTED" not in run.errors and run.code == 0:
            break
        broken += 1
        out = out_of(home)
        if out.exists():
            verify_video(out, expected_frames=TICKS)
        if "encoded" in run.said:
            assert load_encoded(out) is not None, (n, "it said that it was done")
        elif how != KILL:
            assert run.code == 1 and "Error" in run.errors, (n, run.errors)
            assert call == "unlink" or not list(out.parent.glob("*.tmp.mp4")), (n, "half a file is left")
        again = warm_server.run(SCENARIO, home)
        made = load_encoded(out)
        assert "encoded" in again.said and made is not None and made.frames == TICKS, (n, again.errors)
        verify_video(out, expected_frames=TICKS)
        shutil.rmtree(home)
    assert broken, "no call was broken: this test saw nothing"
