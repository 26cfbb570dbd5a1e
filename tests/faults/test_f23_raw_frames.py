"""F23: A worker dies between the commit and the deletion of raw frames, or the dataset turns out not to be whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from robotdata import numbers
from tests.faults.commit_and_clear import TICKS
from tests.support.committed_home import RECOVER, SCENARIO, before, committed, lease_runs_out, raw
from tests.support.each_call import each_call
from tests.support.nth_call import KILL
from tests.support.warm import Server

__all__ = ["before"]
pytestmark = pytest.mark.faults


@pytest.mark.parametrize("call", ["rename", "unlink"])
def test_a_killed_worker_leaves_raw_frames_until_the_dataset_shows_them(
    tmp_path: Path, before: Path, warm_server: Server, call: str
) -> None:
    wanted, between = raw(before), 0
    assert sorted(wanted.values()) == sorted(TICKS)
    for run, home in each_call(SCENARIO, before, tmp_path, call=call, how=KILL, run=warm_server.broken):
        if run.code == 0 and "committed" in run.said:
            continue
        there, left = committed(home), raw(home)
        assert there in ({}, wanted)
        assert there or left == wanted, (run.n, "raw frames went before the dataset showed them")
        between += bool(there and left)
        assert warm_server.run(RECOVER, home).said.startswith("recovered 0")
        lease_runs_out(home)
        warm_server.run(SCENARIO, home)
        warm_server.run(RECOVER, home)
        assert committed(home) == wanted and raw(home) == {}, (run.n, "kept for ever")
        assert list((home / "staging").iterdir()) == [] == list((home / "spool").iterdir())
    assert between, "none was killed between the two: this test saw nothing"


def test_what_the_dataset_does_not_show_whole_is_kept_and_named_with_its_size(
    tmp_path: Path, before: Path, warm_server: Server
) -> None:
    wanted = raw(before)
    for n in range(1, 200):
        home = tmp_path / f"{n}"
        shutil.copytree(before, home)
        warm_server.broken(SCENARIO, home, call="rename", how=KILL, n=n)
        if committed(home) and raw(home) == wanted:
            break
    (video,) = (home / "datasets/cubes").rglob("*.mp4")
    whole = video.read_bytes()
    video.write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        said = warm_server.run(RECOVER, home).said
        assert raw(home) == wanted, "they are the only ones"
        size = sum(path.stat().st_size for path in (home / "spool").rglob("*") if path.is_file())
        assert f"raw frames of 2 committed takes stay in the spool ({numbers.size(size)}:" in said, said
        assert all(name in said for name in wanted) and "verify cubes --deep" in said
    video.write_bytes(whole)
    said = warm_server.run(RECOVER, home).said
    assert raw(home) == {} and committed(home) == wanted and "stay in the spool" not in said


def test_what_was_encoded_and_is_damaged_before_its_commit_fails_alone_and_is_kept(
    tmp_path: Path, before: Path, warm_server: Server
) -> None:
    home, wanted = tmp_path / "home", raw(before)
    shutil.copytree(before, home)
    broken, *_ = sorted((home / "staging").rglob("*.mp4"))
    broken.write_bytes(broken.read_bytes()[:-200])
    said = warm_server.run(SCENARIO, home).said
    assert "committed 1 of 2 episodes failed and were left out" in said and "try again" in said
    take = broken.parent.name
    assert raw(home) == {take: wanted[take]} and take not in committed(home) and len(committed(home)) == 1
