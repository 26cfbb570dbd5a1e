"""F02, F30: Adding a zip file is broken at every write, fsync and rename: the dataset is there whole, or not there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from robotdata.dataset.exchange.addition import DONE, INCOMING, Incoming
from tests.faults.add_a_zip import FILES, add, make_zip
from tests.support.nth_call import FULL_DISK, KILL, need_strace, run_broken, stride

pytestmark = pytest.mark.faults


def visible(home: Path) -> dict[str, dict[str, bytes]]:
    """The datasets that a reader sees, with their files."""
    roots = [path for path in (home / "datasets").glob("[!.]*") if path.is_dir()]
    return {
        root.name: {f"cubes/{p.relative_to(root).as_posix()}": p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in roots
    }


@pytest.mark.parametrize("how", [KILL, FULL_DISK])
@pytest.mark.parametrize("call", ["write", "fsync", "rename", "unlink"])
def test_it_is_whole_or_not_there_and_can_be_tried_again(tmp_path: Path, call: str, how: str) -> None:
    need_strace()
    broken = 0
    for n in range(1, 400, stride(call, write=2)):
        home = tmp_path / f"{n}"
        home.mkdir()
        make_zip(home)
        run = run_broken("tests.faults.add_a_zip", home, call=call, how=how, n=n)
        shown = visible(home)
        assert shown in ({}, {"cubes": FILES}), (n, run.errors)
        if "added" in run.said:
            assert shown
        if run.code == 0 and "INJECTED" not in run.errors:
            break
        broken += 1
        ended = [each for each in Incoming(home / "datasets" / INCOMING).list() if each.has_ended]
        if not any(each.landed for each in ended):  # else the person sees that it is there
            again = add(home)
            assert again.state == DONE, (n, again.error)
        assert visible(home) == {"cubes": FILES}
        shutil.rmtree(home)
    assert broken, "no call was broken: this test saw nothing"
