"""F05: The disk fails or the process dies while a take is cut in two: no frame is lost, nothing is half done."""

from __future__ import annotations

import json
import sqlite3
import uuid
from pathlib import Path
from typing import Any

import pytest

from robotdata.spool import Take, list_takes, read_manifest
from tests.faults.cut_a_take import CUT, TAKE, TICKS
from tests.support.each_call import each_call
from tests.support.nth_call import BAD_DISK, FULL_DISK, KILL
from tests.support.warm import Server

pytestmark = pytest.mark.faults
SCENARIO = "tests.faults.cut_a_take"
Kept = tuple[str, list[int]]
WHOLE: Kept = ("keep", [0, TICKS])
FIRST: Kept = ("keep", [0, CUT[0]])
SECOND: Kept = ("keep", [CUT[1], TICKS])


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, warm_server: Server) -> Path:
    return warm_server.made("tests.faults.make_a_take_to_cut", tmp_path_factory.mktemp("recorded"))


def kept(verdict: str, trim: list[Any] | None) -> Kept:
    first, end = trim or (None, None)
    return verdict, [first or 0, TICKS if end is None else end]


def in_folders(home: Path) -> dict[str, Kept]:
    """What each take keeps; all of them have all frames."""
    found = {}
    for folder in list_takes(home / "spool"):
        with Take(folder) as take:
            held = [len(take.camera(key).seq) for key in take.cameras]
            assert (take.rows.num_rows, held) == (TICKS, [TICKS])
        curation = read_manifest(folder)["curation"]
        found[folder.name] = kept(curation["verdict"], curation["trim"])
    return found


def in_rows(home: Path) -> dict[str, Kept]:
    with sqlite3.connect(home / "robotdata.sqlite3") as database:
        columns = "id, verdict, trim_first, trim_end"
        rows = database.execute(f"select {columns} from recorder_episode").fetchall()
    database.close()
    return {str(uuid.UUID(pk)): kept(verdict, [first, end]) for pk, verdict, first, end in rows}


def split(found: dict[str, Kept]) -> tuple[Kept, list[Kept]]:
    """What the first take keeps, and what another one does."""
    others = [each for pk, each in found.items() if pk != TAKE]
    assert len(others) <= 1
    return found[TAKE], others


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_kill_leaves_a_trim_at_most(tmp_path: Path, recorded: Path, warm_server: Server, call: str) -> None:
    unfinished = 0
    for run, home in each_call(SCENARIO, recorded, tmp_path, call=call, how=KILL, run=warm_server.broken):
        recovered = warm_server.run("tests.faults.recover_a_home", home)
        assert recovered.said.startswith("recovered 0"), (run.n, recovered.said, recovered.errors)
        found = in_folders(home)
        assert in_rows(home) == found, run.n
        first, others = split(found)
        if run.went_through:
            assert (first, others) == (FIRST, [SECOND])
            continue
        rejected = ("reject", SECOND[1])
        assert (first, others) in [(WHOLE, []), (FIRST, []), (FIRST, [rejected]), (FIRST, [SECOND])], run.n
        unfinished += (first, others) != (FIRST, [SECOND])
    assert unfinished, "every kill came too late: this test saw nothing"


@pytest.mark.parametrize("how", [BAD_DISK, FULL_DISK])
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_the_message_is_true(tmp_path: Path, recorded: Path, warm_server: Server, call: str, how: str) -> None:
    for run, home in each_call(SCENARIO, recorded, tmp_path, call=call, how=how, run=warm_server.broken):
        assert run.code == 0, run.errors
        message = json.loads(run.said)["message"]
        first, others = split(in_rows(home))
        words = (call, run.n, message)
        if not message:
            assert (first, others) == (FIRST, [SECOND]), words
        elif "Nothing was changed" in message:
            assert first == WHOLE and all(verdict == "reject" for verdict, _ in others), words
        else:
            assert "may or may not" in message or "was saved" in message, words
            assert first in (WHOLE, FIRST), words
