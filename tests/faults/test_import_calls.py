"""F02: an import is killed at every write, fsync and rename: each take is whole or not there, and none comes twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from robotdata.imports.take import STAGING
from robotdata.spool import Take, list_takes
from robotdata.spool.integrity import find_damage
from tests.faults.import_logs import main
from tests.support.each_call import each_call
from tests.support.foreign import codes, write_aloha
from tests.support.nth_call import KILL, need_strace

pytestmark = pytest.mark.faults
LENGTHS = (4, 3)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two files of ALOHA and an empty spool."""
    need_strace()
    home = tmp_path_factory.mktemp("before")
    (home / "raw").mkdir()
    (home / "spool").mkdir()
    for number, rows in enumerate(LENGTHS):
        write_aloha(home / f"raw/episode_{number}.hdf5", rows=rows, episode=number)
    return home


def whole(spool: Path) -> list[int]:
    """The lengths of the takes in the spool; each is whole."""
    lengths = []
    for folder in list_takes(spool):
        assert find_damage(folder) == []
        with Take.open(folder) as take:
            assert take.state == "recorded"
            assert all(codes(take, key) == list(range(take.ticks)) for key in take.cameras)
            lengths.append(take.ticks)
    return lengths


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_each_take_is_whole_or_not_there(tmp_path: Path, before: Path, call: str) -> None:
    for run, home in each_call("tests.faults.import_logs", before, tmp_path, call=call, how=KILL):
        assert sorted(whole(home / "spool")) in ([], [4], [3, 4]), run.n
        if run.went_through:
            assert "imported" in run.said
            continue
        main(home)  # the retry
        assert sorted(whole(home / "spool")) == [3, 4], run.n
        assert not (home / "spool" / STAGING).exists(), run.n
