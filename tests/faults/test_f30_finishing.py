"""F30: The disk fails in each step of finishing a batch: the dataset is old or new, and the batch names the step."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.support.committed_home import SCENARIO, before, committed, lease_runs_out, raw
from tests.support.nth_call import BAD_DISK, FULL_DISK, stride
from tests.support.warm import Server

__all__ = ["before"]
pytestmark = pytest.mark.faults
WORDS = {
    BAD_DISK: r"Trying again soon: .*(Input/output error|disk I/O error)",
    FULL_DISK: r"No space for the dataset in .*/datasets/cubes: free some space"
    r"|Trying again soon: database or disk is full",
}
STEPS = {"writing the videos of observation.images.front", "writing its meta", "putting it in place"}


@pytest.mark.parametrize("how", [BAD_DISK, FULL_DISK])
def test_every_step_says_where_it_failed_and_nothing_is_half(
    tmp_path: Path, before: Path, warm_server: Server, how: str
) -> None:
    wanted, told = raw(before), set()
    for call in ("fsync", "rename"):
        for n in range(1, 200, stride(call, fsync=3)):
            home = tmp_path / f"{call}-{n}"
            shutil.copytree(before, home)
            run = warm_server.broken(SCENARIO, home, call=call, how=how, n=n)
            if "INJECTED" not in run.errors:
                break
            there, left = committed(home), raw(home)
            assert there in ({}, wanted), n
            assert there or left == wanted, (n, "raw frames went before the dataset showed them")
            if run.said.startswith("running"):  # the others: its row, or what comes after the commit
                assert re.search(WORDS[how], run.said), run.said
                told |= set(re.findall(r"\(while ([^)]*)\)", run.said))
            lease_runs_out(home)
            again = warm_server.run(SCENARIO, home)
            assert again.said.startswith("committed") and committed(home) == wanted, (n, again.said, again.errors)
            shutil.rmtree(home)
    assert how == FULL_DISK or told >= STEPS, told
