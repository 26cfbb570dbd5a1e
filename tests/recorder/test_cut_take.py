"""Frames cut out of the middle of a take: two takes of the same files, encoded without them, and one press back."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.encoding import start_encoding
from recorder.models import Dataset, Episode
from recorder.quality.assess import assess
from recorder.review.cut_take import cut_take
from recorder.review.trash import empty_trash
from recorder.review.verdicts import edit_episodes, set_verdict, undo
from recorder.worker.recover import recover
from robotdata.spool.copies import COPYING_PREFIX, tidy_copies
from tests.recorder.conftest import frames, work

pytestmark = pytest.mark.django_db(transaction=True)
MakeEpisode = Callable[..., Episode]
OLGA = Actor("olga")


@pytest.fixture
def take(cubes: Dataset, make_episode: MakeEpisode) -> Episode:
    """Ten ticks, of which a trim keeps nine."""
    made = make_episode(10, verdict="unreviewed")
    set_verdict(episodes=[made], verdict="keep", actor=OLGA)
    edit_episodes(episodes=[made], actor=OLGA, trim_first=1, trim_end=None, labels=["success"], task="fold")
    made.refresh_from_db()
    return made


def test_both_parts_are_encoded_without_the_frames_between(take: Episode, cubes: Dataset) -> None:
    second = cut_take(episode=take, first=4, end=7, actor=OLGA).episode
    assert second.number == take.number + 1
    for each, trim in ((take, [1, 4]), (second, [7, 10])):
        each.refresh_from_db()
        assert (each.trim, each.verdict, each.labels, each.task) == (trim, "keep", ["success"], "fold")
    assert second.session_id == take.session_id
    assert (second.recorded_at - take.recorded_at).total_seconds() == pytest.approx(7 / 30, abs=1e-5)
    assess(episode=second)
    manifest = json.loads((second.take_path / "take.json").read_text())
    assert (manifest["copy_of"], manifest["number"]) == (str(take.pk), second.number)
    work(start_encoding(dataset=cubes, actor=OLGA))
    assert frames(cubes) == [(1, [1, 2, 3]), (1, [7, 8, 9])]


def test_the_parts_share_their_files_and_each_outlives_the_other(take: Episode, cubes: Dataset) -> None:
    second = cut_take(episode=take, first=4, end=7, actor=OLGA).episode
    shared = {path.name for path in take.take_path.iterdir() if path.stat().st_nlink == 2}
    assert "rows.arrow" in shared and any(name.endswith(".mkv") for name in shared)
    assert not shared & {"take.json", "quality.json", ".lock"}
    edit_episodes(episodes=[second], actor=OLGA, trim_first=5, trim_end=None)  # each trim can be moved
    Episode.objects.filter(pk=take.pk).update(verdict="reject")
    empty_trash(actor=OLGA)
    assert not take.take_path.exists()
    work(start_encoding(dataset=cubes, actor=OLGA))
    assert frames(cubes) == [(1, [5, 6, 7, 8, 9])]


def test_one_press_takes_it_back(take: Episode) -> None:
    second = cut_take(episode=take, first=4, end=7, actor=OLGA).episode
    undo(actor=OLGA)
    take.refresh_from_db()
    second.refresh_from_db()
    assert take.trim == [1, 10] and second.verdict == "reject"
    assert recover().corrections == []  # folders and rows agree


@pytest.mark.parametrize(("first", "end"), [(1, 4), (0, 3), (4, 10), (5, 5), (6, 4), (4, 99)])
def test_frames_outside_of_what_it_keeps_are_refused(take: Episode, first: int, end: int) -> None:
    with pytest.raises(Refused) as refused:
        cut_take(episode=take, first=first, end=end, actor=OLGA)
    assert refused.value.code == "invalid"
    assert Episode.objects.get().trim == [1, 10]


def test_a_take_that_somebody_changed_meanwhile_is_not_cut(take: Episode) -> None:
    read = take.updated_at
    edit_episodes(episodes=[take], actor=Actor("ben"), note="dark")
    with pytest.raises(Refused) as refused:
        cut_take(episode=take, first=4, end=7, actor=OLGA, version=read)
    assert refused.value.code == "conflict"
    assert Episode.objects.get().trim == [1, 10]


def test_a_disk_that_refuses_leaves_the_take_whole(take: Episode, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(Refused) as refused:
        cut_take(episode=take, first=4, end=7, actor=OLGA)
    assert refused.value.code == "not_written"
    assert Episode.objects.get().trim == [1, 10]
    assert [path.name for path in take.take_path.parent.iterdir()] == [str(take.pk)]


def test_an_episode_of_the_dataset_is_refused(four: list[Episode]) -> None:
    with pytest.raises(Refused) as refused:
        cut_take(episode=four[0], first=2, end=4, actor=OLGA)
    assert refused.value.code == "committed"


def test_what_a_killed_process_left_of_a_copy_goes(take: Episode) -> None:
    for name in ("one", "another"):
        folder = take.take_path.with_name(f"{COPYING_PREFIX}{name}")
        folder.mkdir()
        (folder / "rows.arrow").write_bytes(b"rows")
    spool = take.take_path.parent
    assert tidy_copies(spool) == 0  # somebody may be making them
    assert recover().lost == [] and Episode.objects.get() == take
    assert tidy_copies(spool, older_than_s=-1) == 2
    assert [path.name for path in spool.iterdir()] == [str(take.pk)]
