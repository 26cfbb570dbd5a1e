from __future__ import annotations

import threading
from pathlib import Path

import pytest

from robotdata.spool import CurationError, NoTake, TakeBusy, read_manifest
from robotdata.spool.batch_curation import update_curations
from robotdata.spool.take_lock import TakeLock
from tests.support.takes import make_take


def test_it_says_of_each_what_came_of_it(tmp_path: Path) -> None:
    one, busy, wrong, two = (make_take(tmp_path, 3, cameras=("front",)) for _ in range(4))
    wanted = [(one, {"verdict": "keep"}), (busy, {"verdict": "keep"}), (wrong, {"rating": 9}), (two, {"trim": [1, 3]})]
    with TakeLock(busy):
        problems = update_curations([*wanted, (tmp_path / "none", {"note": "x"})], by="olga")
    assert [type(problem) for problem in problems[:4]] == [type(None), TakeBusy, CurationError, type(None)]
    assert isinstance(problems[4], NoTake | FileNotFoundError)
    said = [read_manifest(folder)["curation"] for folder in (one, busy, wrong, two)]
    assert [each["verdict"] for each in said] == ["keep", "unreviewed", "unreviewed", "unreviewed"]
    assert (said[2]["rating"], said[3]["trim"]) == (None, [1, 3])
    assert said[0]["history"][-1] | {"at": ""} == {"at": "", "by": "olga", "changes": {"verdict": "keep"}}


def test_it_leaves_neither_locks_nor_halves(tmp_path: Path) -> None:
    takes = [make_take(tmp_path, 3, cameras=("front",)) for _ in range(3)]
    for verdict in ("keep", "reject"):
        assert update_curations([(take, {"verdict": verdict}) for take in takes]) == [None] * 3
    assert not list(tmp_path.glob("*/.*.tmp"))
    assert [read_manifest(take)["curation"]["verdict"] for take in takes] == ["reject"] * 3


def test_one_take_needs_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    take = make_take(tmp_path, 3, cameras=("front",))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert update_curations([(take, {"verdict": "keep"})]) == [None]
    assert read_manifest(take)["curation"]["verdict"] == "keep"
