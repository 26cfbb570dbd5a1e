"""F02, F30: Adding a zip file is broken at every write, fsync and rename: the dataset is there whole, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from robotdata.dataset.exchange.addition import DONE, INCOMING, Incoming
from tests.faults.add_a_zip import FILES, add, make_zip
from tests.support.each_call import each_call
from tests.support.nth_call import FULL_DISK, KILL

pytestmark = pytest.mark.faults
WAYS = [KILL, FULL_DISK]


def visible(home: Path) -> dict[str, dict[str, bytes]]:
    """The datasets that a reader sees, with their files."""
    roots = [path for path in (home / "datasets").glob("[!.]*") if path.is_dir()]
    return {
        root.name: {f"cubes/{p.relative_to(root).as_posix()}": p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in roots
    }


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("before")
    make_zip(home)
    return home


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("call", ["write", "fsync", "rename", "unlink"])
def test_it_is_whole_or_not_there_and_can_be_tried_again(tmp_path: Path, before: Path, call: str, how: str) -> None:
    for run, home in each_call("tests.faults.add_a_zip", before, tmp_path, call=call, how=how, ways=WAYS):
        shown = visible(home)
        assert shown in ({}, {"cubes": FILES}), (run.n, run.errors)
        if "added" in run.said:
            assert shown
        if run.went_through:
            continue
        ended = [each for each in Incoming(home / "datasets" / INCOMING).list() if each.has_ended]
        if not any(each.landed for each in ended):  # else the person sees that it is there
            again = add(home)
            assert again.state == DONE, (run.n, again.error)
        assert visible(home) == {"cubes": FILES}
