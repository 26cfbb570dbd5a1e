"""Committed episodes on the desk: judged like takes, said in the row and in the dataset's sidecar."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.encoding import start_encoding
from recorder.jobs.revising import apply_changes, planned_counts
from recorder.models import Change, Dataset, Episode
from recorder.review.bulk_edit import edit_many
from recorder.review.verdicts import edit_episodes, set_verdict, undo
from recorder.worker.recover import rebuild, recover
from recorder.worker.run import run_operation
from robotdata.dataset import annotations
from robotdata.dataset.layout import SIDECAR
from tests.recorder.conftest import entry, frames, work

MakeEpisode = Callable[..., Episode]
pytestmark = pytest.mark.django_db(transaction=True)


def test_it_says_a_verdict_and_words_in_row_and_sidecar(four: list[Episode]) -> None:
    set_verdict(episodes=[four[1]], verdict="reject", actor=Actor("olga"))
    edit_episodes(episodes=[four[1]], actor=Actor("olga"), labels=["shaky"], rating=2, note="the light")
    row = Episode.objects.get(pk=four[1].pk)
    assert (row.verdict, row.labels, row.rating, row.note, row.reviewer) == (
        "reject",
        ["shaky"],
        2,
        "the light",
        "olga",
    )
    said = entry(row)
    assert (said["verdict"], said["labels"], said["rating"], said["note"]) == ("reject", ["shaky"], 2, "the light")
    assert (row.state, row.dataset.revision) == ("encoded", 1) and not Episode.objects.trashed().exists()
    assert planned_counts(row.dataset) == {"delete": 1, "relabel": 0, "trim": 0}


def test_it_plans_a_task_and_a_trim_and_takes_them_back(four: list[Episode]) -> None:
    edit_episodes(episodes=[four[0]], actor=Actor("olga"), task="stack")
    edit_episodes(episodes=[four[0]], actor=Actor("olga"), trim_first=2, trim_end=6)
    assert entry(four[0])["planned"] == {"task": "stack", "trim": [2, 6]}
    assert planned_counts(four[0].dataset) == {"delete": 0, "relabel": 1, "trim": 1}
    undo(actor=Actor("olga"))
    assert entry(four[0])["planned"] == {"task": "stack"}
    undo(actor=Actor("olga"))
    assert "planned" not in entry(four[0])
    with pytest.raises(
        Refused, check=lambda refused: refused.code == "nothing_to_undo"
    ):  # what was said of the take is closed by its commit
        undo(actor=Actor("olga"))


def test_it_refuses_a_trim_outside_of_the_committed_frames(four: list[Episode]) -> None:
    with pytest.raises(Refused, match="frames 0–7"):
        edit_episodes(episodes=[four[0]], actor=Actor("olga"), trim_first=0, trim_end=9)


def test_a_trim_in_frames_that_were_others_is_refused(four: list[Episode], cubes: Dataset) -> None:
    edit_episodes(episodes=[four[0]], actor=Actor("olga"), trim_first=3, trim_end=7)
    seen = Episode.objects.get(pk=four[0].pk).updated_at
    run_operation(apply_changes(dataset=cubes, actor=Actor("sven")).pk)
    row = Episode.objects.get(pk=four[0].pk)
    with pytest.raises(Refused, check=lambda refused: refused.code == "conflict"):
        edit_episodes(episodes=[row], actor=Actor("olga"), version=seen, trim_first=1, trim_end=3)
    assert (row.trim_first, planned_counts(cubes)["trim"]) == (None, 0)
    edit_episodes(episodes=[row], actor=Actor("olga"), version=seen, labels=["night"])  # says nothing of frames
    edit_episodes(episodes=[row], actor=Actor("olga"), version=row.updated_at, trim_first=1, trim_end=3)
    assert planned_counts(cubes)["trim"] == 1


def test_many_are_judged_by_one_writing_of_the_sidecar(
    four: list[Episode], make_episode: MakeEpisode, monkeypatch: Any
) -> None:
    written: list[Path] = []
    real = annotations.replace_text
    monkeypatch.setattr(annotations, "replace_text", lambda path, text: (written.append(path), real(path, text)))
    take = make_episode(verdict="unreviewed")
    set_verdict(episodes=[*four, take], verdict="reject", actor=Actor("olga"))
    edit_many(episodes=four, actor=Actor("olga"), add_labels=["night"])
    assert len(written) == 2
    assert {entry(one)["verdict"] for one in four} == {"reject"}
    assert {tuple(entry(one)["labels"]) for one in four} == {("night",)}
    undo(actor=Actor("olga"))
    assert len(written) == 3 and {tuple(entry(one)["labels"]) for one in four} == {()}
    assert len(undo(actor=Actor("olga"))) == 5 and {entry(one)["verdict"] for one in four} == {"keep"}


def test_nothing_is_changed_while_the_dataset_gets_another_state(
    four: list[Episode], monkeypatch: Any, transactional_db: None
) -> None:
    monkeypatch.setattr("recorder.catalog.sidecars._WAIT_S", 0.05)
    hold = f"""
from pathlib import Path
from robotdata.dataset.lock import dataset_lock
with dataset_lock(Path({str(four[0].dataset.path)!r})):
    print("held", flush=True)
    input()
"""
    with subprocess.Popen([sys.executable, "-c", hold], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout is not None and other.stdin is not None
        other.stdout.readline()
        for act in (
            lambda: set_verdict(episodes=[four[0]], verdict="reject", actor=Actor("olga")),
            lambda: set_verdict(episodes=four, verdict="reject", actor=Actor("olga")),
        ):
            with pytest.raises(Refused, check=lambda refused: refused.code == "busy"):
                act()
        other.stdin.write("\n")
        other.stdin.close()
    assert set(Episode.objects.values_list("verdict", flat=True)) == {"keep"}
    assert not Change.objects.filter(superseded=False).exists()


def test_a_sidecar_that_cannot_be_written_leaves_the_row_as_it_was(four: list[Episode], monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(annotations, "replace_text", full)
    with pytest.raises(Refused, match="No space left"):
        set_verdict(episodes=[four[0]], verdict="reject", actor=Actor("olga"))
    assert Episode.objects.get(pk=four[0].pk).verdict == "keep"
    assert not Change.objects.filter(superseded=False).exists()


def test_everything_is_made_again_from_the_folders(four: list[Episode]) -> None:
    set_verdict(episodes=[four[1]], verdict="reject", actor=Actor("olga"))
    edit_episodes(episodes=[four[0]], actor=Actor("olga"), task="stack", trim_first=2, trim_end=6)
    edit_episodes(episodes=[four[2]], actor=Actor("olga"), labels=["night"], rating=4, note="dark")
    names = (
        "verdict",
        "labels",
        "rating",
        "note",
        "task",
        "committed_task",
        "trim_first",
        "trim_end",
        "ticks",
        "reviewer",
    )
    before = {row["pk"]: row for row in Episode.objects.values("pk", *names)}
    rebuild()
    assert {row["pk"]: row for row in Episode.objects.values("pk", *names)} == before


def test_recover_believes_the_sidecar(four: list[Episode]) -> None:
    """It is written last: a crash before the row was leaves it ahead."""
    set_verdict(episodes=[four[1]], verdict="reject", actor=Actor("olga"))
    edit_episodes(episodes=[four[0]], actor=Actor("olga"), task="stack", trim_first=2, trim_end=6, rating=3)
    Episode.objects.update(verdict="keep", task="push", trim_first=None, trim_end=None, rating=None)
    recover()
    row = Episode.objects.get(pk=four[0].pk)
    assert (row.task, row.trim_first, row.trim_end, row.rating) == ("stack", 2, 6, 3)
    assert Episode.objects.get(pk=four[1].pk).verdict == "reject"


def test_a_trimmed_take_is_a_whole_episode(cubes: Dataset, make_episode: MakeEpisode) -> None:
    """Its trim and its marks were in ticks of the take; what is committed begins at 0."""
    take = make_episode(10)
    marks = [{"code": "gap", "from_tick": 5, "to_tick": 20, "text": "x"}, {"code": "gap", "from_tick": 0, "to_tick": 3}]
    Episode.objects.filter(pk=take.pk).update(marks=marks)
    edit_episodes(episodes=[take], actor=Actor("olga"), trim_first=3, trim_end=8)
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    row = Episode.objects.get(pk=take.pk)
    assert (row.ticks, row.trim_first, row.trim_end, row.planned) == (5, None, None, {})
    assert row.marks == [{"code": "gap", "from_tick": 2, "to_tick": 5, "text": "x"}]
    assert frames(cubes) == [(1, [3, 4, 5, 6, 7])]


ODD = [
    [{"code": ["x"], "camera": {}, "from_tick": 0}],
    ["no mark", None],
    [{"code": f"c{n}", "severity": "bad"} for n in range(40_000)],
]


@pytest.mark.parametrize("marks", ODD, ids=["unhashable", "no marks", "thousands"])
def test_marks_that_another_program_has_written_oddly_keep_nothing_from_being_made_again(
    four: list[Episode], cubes: Dataset, marks: list[Any]
) -> None:
    path = cubes.path / SIDECAR
    said = json.loads(path.read_text())
    said["episodes"][0]["marks"] = marks
    path.write_text(json.dumps(said))
    assert not rebuild().lost
    row = Episode.objects.get(pk=four[0].pk)
    assert 0 <= row.marks_weight < 2**15
    edit_episodes(episodes=[row], actor=Actor("olga"), trim_first=1, trim_end=3)
    operation = apply_changes(dataset=row.dataset, actor=Actor("olga"))
    run_operation(operation.pk)
    operation.refresh_from_db()
    assert (operation.state, operation.error) == ("done", "")
