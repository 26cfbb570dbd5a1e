"""F05: The disk fails, or the process dies, while somebody reviews takes.

What the person is told is true, in the row and in the folder alike.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from pathlib import Path

import pytest

from robotdata.dataset.layout import SIDECAR
from tests.faults.judge_some import ACTS, IDS, NOTE
from tests.support.each_call import each_call
from tests.support.nth_call import BAD_DISK, FULL_DISK, KILL
from tests.support.warm import Server

pytestmark = pytest.mark.faults
SCENARIO = "tests.faults.judge_some"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, warm_server: Server) -> Path:
    return warm_server.made("tests.faults.make_some_to_judge", tmp_path_factory.mktemp("judged"))


def in_rows(home: Path) -> dict[str, bool]:
    """Whether the row of each episode says what was said of it."""
    with sqlite3.connect(home / "robotdata.sqlite3") as database:
        found = database.execute("select id, note from recorder_episode").fetchall()
    database.close()
    return {str(uuid.UUID(pk)): note == NOTE for pk, note in found}


def in_folders(home: Path) -> dict[str, bool]:
    found = {}
    for pk in IDS[:3]:
        found[pk] = json.loads((home / "spool" / pk / "take.json").read_text())["curation"]["note"] == NOTE
    (entry,) = json.loads((home / "datasets/cubes" / SIDECAR).read_text())["episodes"]
    return {**found, IDS[3]: entry.get("note") == NOTE}


@pytest.mark.parametrize("how", [BAD_DISK, FULL_DISK])
@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_what_is_told_is_so(tmp_path: Path, judged: Path, warm_server: Server, call: str, how: str) -> None:
    told_unsure = 0
    for run, home in each_call(SCENARIO, judged, tmp_path, call=call, how=how, run=warm_server.broken):
        assert run.code == 0, run.errors
        told = {line["act"]: line["told"] for line in map(json.loads, run.said.splitlines())}
        rows, folders = in_rows(home), in_folders(home)
        for act, ids in ACTS.items():
            words = f"{call} {run.n}, {act}: {told[act]!r}"
            done = {(rows[pk], folders[pk]) for pk in ids}
            if not told[act]:
                assert done == {(True, True)}, words
            elif "may or may not" in told[act]:
                assert "reload" in told[act], words  # nobody can say; the folder will, at the next start
            elif "was saved" in told[act]:
                told_unsure += 1
                assert (True, True) in done and "power cut" in told[act] and "heck the disk" in told[act], words
            else:
                assert "cannot be changed" in told[act] or "Nothing was changed" in told[act], words
                assert done <= {(False, False), (True, True)} and (len(ids) == 2 or done == {(False, False)}), words
    assert (told_unsure > 0) == (call == "fsync"), "a folder's names were not confirmed after a rename"


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_what_was_told_before_a_kill_is_so_and_nothing_half_written_stays(
    tmp_path: Path, judged: Path, warm_server: Server, call: str
) -> None:
    halves = 0
    for run, home in each_call(SCENARIO, judged, tmp_path, call=call, how=KILL, run=warm_server.broken):
        if run.went_through:
            continue
        halves += len(list(home.glob("spool/*/.*.tmp")))
        recovered = warm_server.run("tests.faults.recover_a_home", home)
        assert recovered.said.startswith("recovered 0"), (run.n, recovered.said, recovered.errors)
        assert in_rows(home) == in_folders(home), run.n
        left = [*home.glob("spool/*/.*.tmp"), *home.glob("datasets/*/meta/.*.tmp")]
        assert not left, (run.n, left)
    assert halves or call == "write", "nothing was half written: this test saw nothing"
