"""F29: Takes are deleted and trimmed at the moment at which another process encodes and commits them."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import IO, Any

import pytest

from robotdata.dataset import verify_dataset
from tests.support import programs
from tests.support.crowd import Crowd, crowd
from tests.support.nth_call import ROOT
from tests.support.seen import shown
from tests.support.sweeps import THOROUGH

pytestmark = pytest.mark.faults
ROUNDS, TICKS = 24 if THOROUGH else 12, 5
FIRST = ("delete",) * 3 + ("encode",) * 3
"""Who goes first in the first rounds, the other one only after the answer: one of each act of the person's, before and
after the encoder. In all other rounds both go at once."""
CODES = (
    "encoding",
    "nothing",
    "running",
    "committed",
    "moved",
    "ended",
    "busy",
    "not_in_trash",
    "conflict",
    "purged",
)


def groups(number: int) -> list[list[int]]:
    """Which of the two (0 encodes, 1 deletes) are let go together, one group after the other."""
    if number >= len(FIRST):
        return [[0, 1]]
    return [[0], [1]] if FIRST[number] == "encode" else [[1], [0]]


def pipe(end: IO[str] | None) -> IO[str]:
    assert end is not None
    return end


def race(home: Crowd, takes: list[str]) -> list[tuple[dict[str, str], dict[str, str]]]:
    """What both said of each take."""
    script, pipes = str(ROOT / "tests/faults/one_of_two.py"), {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    env = {**home.env, "PYTHONPATH": str(ROOT)}
    with (home.path / "race.log").open("w") as log:
        both = [
            programs.Popen(
                [sys.executable, script, role, *takes], cwd=ROOT, env=env, stderr=log, text=True, bufsize=1, **pipes
            )
            for role in ("encode", "delete")
        ]
        said: list[Any] = []
        for number in range(len(takes)):
            lines = ["", ""]
            for group in groups(number):
                for one in group:
                    pipe(both[one].stdin).write("go\n")
                for one in group:
                    lines[one] = pipe(both[one].stdout).readline()
            assert all(lines), (home.path / "race.log").read_text()[-3000:]
            said.append(tuple(map(json.loads, lines)))
        for one in both:
            one.communicate(timeout=60)
    return said


def test_deleting_wins_or_is_refused_and_nothing_is_left_of_who_lost(tmp_path: Path) -> None:
    with crowd(tmp_path) as home:
        takes = home.make(cubes=[TICKS] * ROUNDS)
        said = race(home, takes)
        home.python("manage.py", "recover", "--quiet")
        fields = "id, state, ticks, purged_at is not null, trim_first is not null, error from recorder_episode"
        rows = {str(uuid.UUID(pk)): rest for pk, *rest in home.rows(f"select {fields}")}
        open_operations = home.rows(
            "select id from recorder_operation where state in ('queued', 'encoding', 'running')"
        )
        assert open_operations == [] == home.rows("select id from recorder_job where state in ('queued', 'running')")
        assert "Traceback" not in (tmp_path / "race.log").read_text()
    folder = tmp_path / "datasets/cubes"
    assert verify_dataset(folder, deep=True).problems == []
    there = dict(shown(folder))
    ended: list[str] = []
    for number, (pk, (encoder, person)) in enumerate(zip(takes, said, strict=True), 1):
        state, ticks, gone, planned, error = rows[pk]
        about = (number, state, ticks, gone, planned, error, encoder, person)
        raw, staged = tmp_path / "spool" / pk, list((tmp_path / "staging").glob(f"{pk}/*"))
        for words in (one["refused"] for one in (encoder, person) if "refused" in one):
            assert words.split(":")[0] in CODES and len(words) > 30, about
        if state == "encoded":
            assert number in there and not gone and not raw.exists() and not staged, about
            assert person.get("did") != "deleted", about
            begin = 1 if ticks == TICKS - 2 else 0
            assert there.pop(number) == list(range(begin, begin + ticks)), about
            assert ticks == TICKS or person == {"did": "trimmed"}, about
        elif gone:
            assert person == {"did": "deleted"} and not raw.exists() and not staged, about
        else:
            assert state in {"recorded", "failed"} and raw.is_dir(), about
        ended.append("gone" if gone else state)
    assert there == {}, "an episode that no row knows"
    assert ended[: len(FIRST)] == ["encoded", "gone", "gone", "encoded", "encoded", "encoded"], said[: len(FIRST)]
    assert rows[takes[0]][1] == TICKS - 2, "trimmed before it was encoded"
