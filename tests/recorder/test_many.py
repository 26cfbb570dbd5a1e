"""Many at once: in portions, in few transactions, undone as one; what cannot be changed stays and is named."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.models import Change, Episode
from recorder.review import change_many as many
from recorder.review.bulk_edit import edit_many
from recorder.review.change_many import change_all
from recorder.review.verdicts import set_verdict, undo, undo_some
from robotdata.spool import read_manifest
from robotdata.spool.take_lock import TakeLock

pytestmark = pytest.mark.django_db

MakeEpisode = Callable[..., Episode]


@pytest.fixture
def takes(make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch) -> list[Episode]:
    """Seven, three to a transaction."""
    monkeypatch.setattr(many, "CHUNK_SIZE", 3)
    return [make_episode(verdict="unreviewed") for _ in range(7)]


def rows(takes: list[Episode]) -> list[Any]:
    known = Episode.objects.in_bulk([each.pk for each in takes])
    return [known[each.pk] for each in takes]


def in_rows(takes: list[Episode]) -> list[str]:
    return [row.verdict for row in rows(takes)]


def in_files(takes: list[Episode]) -> list[str]:
    return [read_manifest(each.take_path)["curation"]["verdict"] for each in takes]


def test_it_writes_every_row_and_every_folder(takes: list[Episode]) -> None:
    set_verdict(episodes=takes, verdict="reject", actor=Actor("olga"))
    assert in_rows(takes) == in_files(takes) == ["reject"] * 7
    assert {(row.reviewer, row.reviewed_at is not None) for row in rows(takes)} == {("olga", True)}
    assert [each.verdict for each in takes] == ["reject"] * 7, "who asked knows it too"
    assert read_manifest(takes[4].take_path)["curation"]["history"][-1]["by"] == "olga"
    undo(actor=Actor("olga"))
    assert in_rows(takes) == in_files(takes) == ["unreviewed"] * 7


def test_it_goes_on_with_an_act_in_portions(takes: list[Episode]) -> None:
    group = set_verdict(episodes=takes[:4], verdict="keep", actor=Actor("olga"))
    assert set_verdict(episodes=takes[4:], verdict="keep", actor=Actor("olga"), group=group) == group
    first = undo_some(actor=Actor("olga"), most=5)
    assert (len(first.episodes), first.left) == (5, 2)
    last = undo_some(actor=Actor("olga"), group=first.group, most=5)
    assert (len(last.episodes), last.left) == (2, 0)
    assert in_rows(takes) == in_files(takes) == ["unreviewed"] * 7


def test_it_does_no_more_of_what_was_taken_back(takes: list[Episode]) -> None:
    group = set_verdict(episodes=takes[:4], verdict="reject", actor=Actor("olga"))
    undo(actor=Actor("olga"))
    with pytest.raises(Refused, check=lambda refused: refused.code == "taken_back"):
        set_verdict(episodes=takes[4:], verdict="reject", actor=Actor("olga"), group=group)
    assert in_rows(takes) == ["unreviewed"] * 7


def test_it_keeps_peoples_acts_apart(takes: list[Episode]) -> None:
    group = set_verdict(episodes=takes[:2], verdict="reject", actor=Actor("olga"))
    with pytest.raises(Refused, check=lambda refused: refused.code == "invalid"):
        edit_many(episodes=takes[2:], actor=Actor("ben"), task="stack", group=group)
    assert not Change.objects.filter(who="ben").exists()


def test_it_names_the_one_that_was_busy_and_changes_the_others(takes: list[Episode]) -> None:
    with (
        TakeLock(takes[4].take_path),
        pytest.raises(Refused, match=r"1 of 7 were not changed: .*being written") as said,
    ):
        set_verdict(episodes=takes, verdict="reject", actor=Actor("olga"))
    assert said.value.status == 503
    expected = ["reject"] * 4 + ["unreviewed"] + ["reject"] * 2
    assert in_rows(takes) == in_files(takes) == expected
    assert len(undo(actor=Actor("olga"))) == 6


def test_it_judges_takes_whose_folder_is_gone(takes: list[Episode]) -> None:
    takes[1].take_path.rename(takes[1].take_path.with_name("elsewhere"))
    set_verdict(episodes=takes, verdict="reject", actor=Actor("olga"))
    assert in_rows(takes) == ["reject"] * 7


def test_it_adds_labels_to_what_each_has_now(takes: list[Episode]) -> None:
    Episode.objects.filter(pk=takes[0].pk).update(labels=["slow"])  # after it was read
    edit_many(episodes=takes, actor=Actor("olga"), add_labels=["good"], task="stack")
    assert [row.labels for row in rows(takes)] == [["slow", "good"]] + [["good"]] * 6
    assert read_manifest(takes[0].take_path)["task"] == "stack"
    undo(actor=Actor("olga"))
    assert [row.labels for row in rows(takes)] == [["slow"]] + [[]] * 6


def test_it_leaves_alone_what_somebody_changed_since(takes: list[Episode]) -> None:
    set_verdict(episodes=takes, verdict="reject", actor=Actor("olga"))
    set_verdict(episodes=takes[2:3], verdict="keep", actor=Actor("ben"))
    assert len(undo(actor=Actor("olga"))) == 6
    assert in_rows(takes) == ["unreviewed"] * 2 + ["keep"] + ["unreviewed"] * 4


@pytest.mark.parametrize("count", [1, 3])
def test_it_names_a_row_that_has_gone(takes: list[Episode], count: int) -> None:
    Episode.objects.filter(pk=takes[0].pk).delete()
    with pytest.raises(Refused) as refused:
        change_all(episodes=takes[:count], fields_for=lambda _: {"rating": 2}, actor=Actor("olga"), group=uuid.uuid4())
    assert refused.value.code == "no_episode" and str(takes[0].pk) in refused.value.message
    assert [row.rating for row in rows(takes[1:count])] == [2] * (count - 1)


@pytest.mark.parametrize("count", [1, 3])
def test_one_and_many_agree_on_what_is_a_conflict(takes: list[Episode], count: int) -> None:
    """With `own` a change of the same person in the same browser is none; in another browser, or without, it is."""
    here, there = Actor("lab", browser="one"), Actor("lab", browser="two")
    some, read = takes[:count], {take.pk: take.updated_at for take in takes}

    def rate(rating: int, actor: Actor, own: bool) -> str:
        """Return the code of the refusal; empty if there is none."""
        try:
            change_all(
                episodes=some,
                fields_for=lambda _: {"rating": rating},
                actor=actor,
                group=uuid.uuid4(),
                versions=read,
                own=own,
            )
        except Refused as refused:
            return refused.code
        return ""

    assert rate(1, here, own=False) == ""
    assert rate(2, here, own=True) == ""
    assert rate(2, there, own=False) == "", "it is so already"
    assert rate(3, here, own=False) == rate(3, there, own=True) == "conflict"
    assert [row.rating for row in rows(some)] == [2] * count


def test_it_finds_an_unknown_act_nothing_to_undo(takes: list[Episode]) -> None:
    set_verdict(episodes=takes, verdict="reject", actor=Actor("olga"))
    with pytest.raises(Refused, check=lambda refused: refused.code == "nothing_to_undo"):
        undo_some(actor=Actor("olga"), group=uuid.uuid4())
