"""F29: takes are deleted and trimmed at the moment at which another process encodes and commits them."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from robotdata.dataset import verify_dataset
from tests.support.crowd import Crowd, crowd
from tests.support.nth_call import ROOT
from tests.support.seen import shown

pytestmark = pytest.mark.faults
ROUNDS, TICKS = 24, 5
CODES = (
    "encoding",
    "nothing",
    "committing",
    "committed",
    "moved",
    "ended",
    "busy",
    "not_in_trash",
    "conflict",
    "purged",
)


def race(home: Crowd, takes: list[str]) -> list[tuple[dict[str, str], dict[str, str]]]:
    """What both said of each take."""
    script, pipes = str(ROOT / "tests/faults/one_of_two.py"), {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    env = {**home.env, "PYTHONPATH": str(ROOT)}
    with (home.path / "race.log").open("w") as log:
        both = [
            subprocess.Popen(
                [sys.executable, script, role, *takes], cwd=ROOT, env=env, stderr=log, text=True, bufsize=1, **pipes
            )
            for role in ("encode", "delete")
        ]
        said: list[Any] = []
        for _ in takes:
            for one in both:
                assert one.stdin is not None
                one.stdin.write("go\n")
            lines = [one.stdout.readline() if one.stdout else "" for one in both]
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
        open_batches = home.rows("select id from recorder_batch where state in ('queued', 'encoding', 'committing')")
        assert open_batches == [] == home.rows("select id from recorder_job where state in ('queued', 'running')")
        assert "Traceback" not in (tmp_path / "race.log").read_text()
    folder = tmp_path / "datasets/cubes"
    assert verify_dataset(folder, deep=True).problems == []
    there = dict(shown(folder))
    ended: dict[str, int] = {}
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
        ended[f"{state}, gone" if gone else state] = ended.get(f"{state}, gone" if gone else state, 0) + 1
    assert there == {}, "an episode that no row knows"
    assert ended.get("encoded") and len(ended) > 1, f"one of the two always won: no race was seen: {ended}"
