"""F30: The disk fails in each step of finishing a batch: the dataset is old or new, and the batch names the step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.committed_home import SCENARIO, before, committed, lease_runs_out, raw
from tests.support.each_call import each_call
from tests.support.nth_call import BAD_DISK, FULL_DISK
from tests.support.warm import Server

__all__ = ["before"]
pytestmark = pytest.mark.faults
WAYS = [BAD_DISK, FULL_DISK]
WORDS = {
    BAD_DISK: r"Trying again soon: .*(Input/output error|disk I/O error)",
    FULL_DISK: r"No space for the dataset in .*/datasets/cubes: free some space"
    r"|Trying again soon: database or disk is full",
}
STEPS = {"writing the videos of observation.images.front", "writing its meta", "putting it in place"}


@pytest.mark.parametrize("how", WAYS)
def test_every_step_says_where_it_failed_and_nothing_is_half(
    tmp_path: Path, before: Path, warm_server: Server, how: str
) -> None:
    wanted, told = raw(before), set()
    for call in ("fsync", "rename"):
        for run, home in each_call(SCENARIO, before, tmp_path, call=call, how=how, ways=WAYS, run=warm_server.broken):
            if run.went_through:
                continue
            there, left = committed(home), raw(home)
            assert there in ({}, wanted), run.n
            assert there or left == wanted, (run.n, "raw frames went before the dataset showed them")
            if run.said.startswith("running"):  # the others: its row, or what comes after the commit
                assert re.search(WORDS[how], run.said), run.said
                told |= set(re.findall(r"\(while ([^)]*)\)", run.said))
            lease_runs_out(home)
            again = warm_server.run(SCENARIO, home)
            assert again.said.startswith("committed") and committed(home) == wanted, (run.n, again.said, again.errors)
    assert how == FULL_DISK or told >= STEPS, told
