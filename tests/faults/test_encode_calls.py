"""F02, F23, F30: An encode is broken at every write, fsync, rename and unlink: a whole video has the name, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from robotdata.export import load_encoded
from robotdata.video import verify_video
from tests.faults.encode_a_camera import out_of
from tests.support.each_call import each_call
from tests.support.nth_call import BAD_DISK, FULL_DISK, KILL
from tests.support.takes import make_take
from tests.support.warm import Server

pytestmark = pytest.mark.faults
WAYS = [KILL, FULL_DISK, BAD_DISK]
TICKS = 6
SCENARIO = "tests.faults.encode_a_camera"


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("before")
    make_take(home / "spool", TICKS, cameras=("front",))
    return home


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("call", ["write", "fsync", "rename", "unlink"])
def test_it_shows_a_whole_video_or_none(tmp_path: Path, before: Path, warm_server: Server, call: str, how: str) -> None:
    run_broken = warm_server.broken
    for run, home in each_call(SCENARIO, before, tmp_path, call=call, how=how, ways=WAYS, run=run_broken):
        if run.went_through:
            continue
        out = out_of(home)
        if out.exists():
            verify_video(out, expected_frames=TICKS)
        if "encoded" in run.said:
            assert load_encoded(out) is not None, (run.n, "it said that it was done")
        elif how != KILL:
            assert run.code == 1 and "Error" in run.errors, (run.n, run.errors)
            assert call == "unlink" or not list(out.parent.glob("*.tmp.mp4")), (run.n, "half a file is left")
        again = warm_server.run(SCENARIO, home)
        made = load_encoded(out)
        assert "encoded" in again.said and made is not None and made.frames == TICKS, (run.n, again.errors)
        verify_video(out, expected_frames=TICKS)
