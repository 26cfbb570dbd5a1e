"""Words and plans in the sidecar: no new revision, and older ones keep what was said then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from robotdata.dataset import EditError, verify_dataset
from robotdata.dataset.annotations import planned_edit, write_annotations
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.write.edit import apply_edit, revert
from tests.dataset.conftest import LENGTHS, Bench

UUIDS = [f"00000000-0000-0000-0000-{n:012d}" for n in range(6)]


def say(bench: Bench, number: int, **words: Any) -> None:
    write_annotations(
        bench.root, {UUIDS[number]: words}, {UUIDS[number]: bench.open().episode(number).length}, lambda _: ""
    )


def entries(root: Path) -> list[dict[str, Any]]:
    return list(json.loads((root / SIDECAR).read_text())["episodes"])


def test_it_writes_them_without_a_new_revision(six: Bench) -> None:
    before = six.fingerprint()
    say(six, 2, verdict="reject", labels=["shaky"], planned={"trim": [0, 2]})
    assert entries(six.root)[2] == {
        "uuid": UUIDS[2], "length": 4, "verdict": "reject", "labels": ["shaky"], "planned": {"trim": [0, 2]}
    }  # fmt: skip
    after = six.fingerprint()
    assert {name for name in after if after[name] != before[name]} == {SIDECAR} and after.keys() == before.keys()
    assert six.open().revision == 3
    say(six, 2, planned=None)
    assert "planned" not in entries(six.root)[2]


def test_older_revisions_keep_what_was_said_then(six: Bench, new: Any) -> None:
    six.commit([new(9, 5)])
    old = six.places["revisions"] / "3"
    said = (old / SIDECAR).read_bytes()
    say(six, 0, note="what a mess")
    assert (old / SIDECAR).read_bytes() == said


def test_it_names_episodes_that_another_program_recorded(six: Bench) -> None:
    (six.root / SIDECAR).unlink()
    ids = {f"name-{n}": length for n, length in enumerate(LENGTHS)}
    write_annotations(six.root, {"name-3": {"rating": 5}}, ids, lambda info: f"name-{info.index}")
    assert [entry["uuid"] for entry in entries(six.root)] == list(ids)
    assert entries(six.root)[3]["rating"] == 5
    assert verify_dataset(six.root).problems == []


@pytest.mark.parametrize(("uuid", "length"), [("nobody", 5), (UUIDS[0], 6)])
def test_it_refuses_an_episode_that_is_another_one_now(six: Bench, uuid: str, length: int) -> None:
    before = six.fingerprint()
    with pytest.raises(EditError, match="was just changed"):
        write_annotations(six.root, {uuid: {"rating": 5}}, {uuid: length}, lambda info: UUIDS[info.index])
    assert six.fingerprint() == before


def test_it_does_not_write_over_a_sidecar_that_it_cannot_read(six: Bench) -> None:
    path = six.root / SIDECAR
    path.unlink()
    path.write_text("{")
    with pytest.raises(EditError, match="cannot be read"):
        write_annotations(six.root, {UUIDS[0]: {"rating": 5}}, {UUIDS[0]: 5}, lambda info: UUIDS[info.index])
    assert path.read_text() == "{"


def test_plans_are_applied_in_one_state_and_gone_then(six: Bench) -> None:
    say(six, 0, planned={"task": "fold it", "trim": [1, 4]})
    say(six, 1, verdict="reject", planned={"task": "never mind"})
    say(six, 5, planned={"trim": [2, 8]}, rating=3)
    mine = frozenset(UUIDS[:2])
    result = apply_edit(six.root, lambda base: planned_edit(base, mine), **six.places, made_by={"by": "olga"})
    assert result is not None and result.trimmed == {0: (0, 4)}
    there = six.open()
    assert [episode.uuid for episode in there.episodes] == [UUIDS[n] for n in (0, 2, 3, 4, 5)]
    assert (there.episodes[0].tasks, there.episodes[0].length) == (["fold it"], 4)
    assert "planned" not in there.episodes[0].extra
    assert there.episodes[4].extra["planned"] == {"trim": [2, 8]}, "nobody asked for this one"
    about = {"what": "edited", "deleted": 1, "relabelled": 1, "trimmed": 1, "by": "olga"}
    assert there.sidecar.more["made_by"] == about
    assert apply_edit(six.root, lambda base: planned_edit(base, mine), **six.places) is None
    assert six.open().revision == 4


def test_plans_that_make_no_sense_are_none(six: Bench) -> None:
    for planned in ("x", {"task": " ", "trim": [1]}, {"trim": [1, "2"]}, {"trim": None}, []):
        say(six, 0, planned=planned)
        assert not planned_edit(six.open())


def test_going_back_keeps_what_people_say_today(six: Bench) -> None:
    say(six, 1, verdict="reject")
    say(six, 2, planned={"trim": [0, 2]})
    apply_edit(six.root, planned_edit, **six.places)
    say(six, 0, labels=["good"], planned={"task": "fold it"})
    revert(six.root, 3, **six.places)
    found = entries(six.root)
    assert [entry["uuid"] for entry in found] == UUIDS
    assert (found[0]["labels"], found[0]["planned"]) == (["good"], {"task": "fold it"})
    assert found[1]["verdict"] == "reject", "it was rejected in that state, and may be deleted again"
    assert (found[2]["length"], found[2]["planned"]) == (4, {"trim": [0, 2]}), "it may be trimmed again"
    assert verify_dataset(six.root, deep=True).problems == []
