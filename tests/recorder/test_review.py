from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.encoding import start_encoding
from recorder.jobs.operations import cancel_operation
from recorder.models import Change, Dataset, Episode
from recorder.models.versions import next_version
from recorder.review.bulk_edit import edit_many
from recorder.review.verdicts import edit_episodes, history, set_verdict, undo
from robotdata.spool import read_manifest
from tests.recorder.conftest import work

MakeEpisode = Callable[..., Episode]


def verdicts(*episodes: Episode) -> list[str]:
    for episode in episodes:
        episode.refresh_from_db()
    return [episode.verdict for episode in episodes]


def said(episode: Episode) -> dict[str, Any]:
    manifest = read_manifest(episode.take_path)
    return {**manifest["curation"], "task": manifest["task"]}


@pytest.fixture
def episode(make_episode: MakeEpisode) -> Episode:
    return make_episode(verdict="unreviewed")


def test_it_writes_a_verdict_to_row_and_folder(episode: Episode) -> None:
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("olga"))
    assert verdicts(episode) == ["keep"] and said(episode)["verdict"] == "keep"
    assert (episode.reviewer, episode.reviewed_at is not None) == ("olga", True)
    assert said(episode)["history"][-1]["by"] == "olga"


def test_it_writes_words_and_trim_to_row_and_folder(episode: Episode) -> None:
    edit_episodes(
        episodes=[episode],
        actor=Actor("olga"),
        task="stack",
        labels=["slow"],
        rating=4,
        note="dark",
        trim_first=2,
        trim_end=6,
    )
    episode.refresh_from_db()
    assert (episode.task, episode.labels, episode.rating, episode.note) == ("stack", ["slow"], 4, "dark")
    assert (episode.trim_first, episode.trim_end) == (2, 6)
    told = said(episode)
    assert (told["task"], told["labels"], told["rating"], told["trim"]) == ("stack", ["slow"], 4, [2, 6])


def test_it_has_one_effect_when_pressed_twice(episode: Episode) -> None:
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("olga"))
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("olga"))
    assert history(episode=episode).count() == 1


def test_it_undoes_at_any_depth(episode: Episode, make_episode: MakeEpisode) -> None:
    other = make_episode(verdict="unreviewed")
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("olga"))
    edit_episodes(episodes=[episode], actor=Actor("olga"), task="stack")
    set_verdict(episodes=[episode, other], verdict="reject", actor=Actor("olga"))
    assert verdicts(episode, other) == ["reject", "reject"]
    assert {e.pk for e in undo(actor=Actor("olga"))} == {episode.pk, other.pk}, "one act, one undo"
    assert verdicts(episode, other) == ["keep", "unreviewed"]
    undo(actor=Actor("olga"))
    episode.refresh_from_db()
    assert (episode.task, said(episode)["task"]) == ("push", "push")
    undo(actor=Actor("olga"))
    assert verdicts(episode) == ["unreviewed"] and said(episode)["verdict"] == "unreviewed"
    assert (episode.reviewer, episode.reviewed_at) == ("", None)
    with pytest.raises(Refused, check=lambda refused: refused.code == "nothing_to_undo"):
        undo(actor=Actor("olga"))


def test_it_undoes_only_ones_own(episode: Episode) -> None:
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("olga"))
    with pytest.raises(Refused, check=lambda refused: refused.code == "nothing_to_undo"):
        undo(actor=Actor("sven"))
    assert verdicts(episode) == ["keep"]


def test_it_names_who_changed_the_same_since(episode: Episode) -> None:
    edit_episodes(episodes=[episode], actor=Actor("olga"), note="mine")
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("olga"))
    set_verdict(episodes=[episode], verdict="reject", actor=Actor("sven"))
    with pytest.raises(Refused, match="sven set verdict to reject"):
        undo(actor=Actor("olga"))
    assert verdicts(episode) == ["reject"]
    undo(actor=Actor("olga"))  # goes on with the change before
    episode.refresh_from_db()
    assert episode.note == ""


def test_it_refuses_a_verdict_on_what_was_not_seen(episode: Episode) -> None:
    seen = episode.updated_at
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("olga"))
    with pytest.raises(Refused, match="olga set verdict to keep") as refusal:
        set_verdict(episodes=[episode], verdict="reject", actor=Actor("sven"), version=seen)
    assert refusal.value.code == "conflict" and verdicts(episode) == ["keep"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rating": 9}, "want 1 to 5"),
        ({"task": " "}, "at least one visible character"),
        ({"trim_first": 7, "trim_end": 99}, "It has frames 0–7"),
        ({"trim_first": 8}, "at least one must be kept"),
        ({"labels": "no list"}, "a list of"),
    ],
)
def test_it_refuses_values_that_are_none_and_changes_nothing(
    episode: Episode, fields: dict[str, Any], words: str
) -> None:
    before = said(episode)
    with pytest.raises(Refused, match=words) as refusal:
        edit_episodes(episodes=[episode], actor=Actor("olga"), **fields)
    episode.refresh_from_db()
    assert refusal.value.status == 422 and said(episode) == before
    assert not Change.objects.exists() and episode.rating is None and episode.trim_first is None


def test_it_refuses_while_the_episode_is_encoded_and_says_by_whom(cubes: Dataset, episode: Episode) -> None:
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("olga"))
    operation = start_encoding(dataset=cubes, actor=Actor("sven"))
    with pytest.raises(Refused, match="is being encoded since .* by sven: cancel that batch first"):
        set_verdict(episodes=[episode], verdict="reject", actor=Actor("olga"))
    with pytest.raises(Refused, match="by sven: cancel"):
        undo(actor=Actor("olga"))
    cancel_operation(operation=operation, actor=Actor("olga"))
    assert undo(actor=Actor("olga")) and verdicts(episode) == ["unreviewed"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "recording"}, "still being recorded"),
        ({"purged_at": timezone.now()}, "emptied from the trash"),
    ],
)
def test_it_refuses_what_can_no_longer_be_changed(episode: Episode, fields: dict[str, Any], words: str) -> None:
    Episode.objects.filter(pk=episode.pk).update(**fields)
    with pytest.raises(Refused, match=words):
        set_verdict(episodes=[episode], verdict="reject", actor=Actor("olga"))


def test_it_changes_nothing_where_one_of_many_cannot_be(episode: Episode, make_episode: MakeEpisode) -> None:
    busy = make_episode(verdict="unreviewed")
    Episode.objects.filter(pk=busy.pk).update(state="encoding")
    with pytest.raises(Refused):
        set_verdict(episodes=[episode, busy], verdict="reject", actor=Actor("olga"))
    assert verdicts(episode) == ["unreviewed"]


def test_it_lets_people_reject_a_take_whose_folder_is_gone(episode: Episode) -> None:
    episode.take_path.rename(episode.take_path.with_name("elsewhere"))
    set_verdict(episodes=[episode], verdict="reject", actor=Actor("olga"))
    assert verdicts(episode) == ["reject"]


def test_it_passes_over_what_is_committed_by_now(episode: Episode, make_episode: MakeEpisode) -> None:
    other = make_episode(verdict="unreviewed")
    set_verdict(episodes=[other], verdict="keep", actor=Actor("olga"))
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("olga"))
    work(start_encoding(dataset=episode.dataset, actor=Actor("olga"), episodes=[episode]))
    assert [e.pk for e in undo(actor=Actor("olga"))] == [other.pk]


def test_it_takes_no_offence_at_what_the_product_noted_meanwhile(make_episode: Any) -> None:
    episode = make_episode(verdict="unreviewed")
    read = episode.updated_at
    Episode.objects.filter(pk=episode.pk).update(marks=[{"code": "stale"}], updated_at=timezone.now())
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("olga"), version=read)
    assert verdicts(episode) == ["keep"]
    with pytest.raises(Refused, match="olga set"):
        set_verdict(episodes=[episode], verdict="reject", actor=Actor("ben"), version=read)


def test_two_people_with_one_sign_in_are_told_of_each_other(make_episode: Any) -> None:
    here, there = Actor("lab", browser="one browser"), Actor("lab", browser="another")
    episode = make_episode(verdict="unreviewed")
    read = episode.updated_at
    set_verdict(episodes=[episode], verdict="keep", actor=here, version=read, own=True)
    set_verdict(episodes=[episode], verdict="reject", actor=here, version=read, own=True)  # from another tab
    with pytest.raises(Refused, match="lab in another browser set verdict to reject"):
        set_verdict(episodes=[episode], verdict="keep", actor=there, version=read, own=True)
    other = make_episode(verdict="unreviewed")
    with pytest.raises(Refused, match="lab in another browser set verdict to reject"):
        set_verdict(episodes=[episode, other], verdict="keep", actor=there, versions={episode.pk: read})
    assert verdicts(episode, other) == ["reject", "unreviewed"]
    assert {change.who for change in history(episode=episode)} == {"lab"}


def test_two_people_with_one_sign_in_take_back_what_each_did(make_episode: Any) -> None:
    here, there = Actor("lab", browser="one browser"), Actor("lab", browser="another")
    mine, also_mine, theirs = (make_episode(verdict="unreviewed") for _ in range(3))
    set_verdict(episodes=[mine], verdict="keep", actor=here)
    set_verdict(episodes=[also_mine], verdict="reject", actor=here)
    set_verdict(episodes=[theirs], verdict="reject", actor=there)
    assert undo(actor=here) == [also_mine] and undo(actor=here) == [mine]
    assert verdicts(mine, also_mine, theirs) == ["unreviewed", "unreviewed", "reject"]
    set_verdict(episodes=[mine], verdict="keep", actor=here)
    assert undo(actor=Actor("lab", browser="signed in again")) == [mine], "nothing of one's own is out of reach"


def test_it_takes_no_offence_at_what_one_took_back_oneself(make_episode: Any) -> None:
    episode = make_episode(verdict="unreviewed")
    set_verdict(episodes=[episode], verdict="reject", actor=Actor("olga"))
    (back,) = undo(actor=Actor("olga"))
    Episode.objects.filter(pk=episode.pk).update(marks=[{"code": "stale"}], updated_at=timezone.now())
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("olga"), version=back.updated_at)
    assert verdicts(episode) == ["keep"]


def test_it_takes_no_offence_at_ones_own_other_acts(make_episode: Any) -> None:
    """Another tab, many at once, an answer that was lost: nobody else has done anything."""
    episode = make_episode(verdict="unreviewed")
    read = episode.updated_at
    set_verdict(episodes=[episode, make_episode()], verdict="keep", actor=Actor("olga"))
    edit_episodes(episodes=[episode], actor=Actor("olga"), note="dark", version=read, own=True)
    set_verdict(episodes=[episode], verdict="reject", actor=Actor("olga"), version=read, own=True)
    assert verdicts(episode) == ["reject"]


def test_a_mark_noted_by_a_clock_that_was_read_before_makes_no_version_older(
    make_episode: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    episode = make_episode(verdict="unreviewed")
    early = timezone.now()
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("ben"))
    ben = Episode.objects.get(pk=episode.pk).updated_at
    monkeypatch.setattr(timezone, "now", lambda: early)
    for rating in (2, 3):
        Episode.objects.filter(pk=episode.pk).update(updated_at=next_version())
        edit_episodes(episodes=[Episode.objects.get(pk=episode.pk)], actor=Actor("olga"), rating=rating)
    read = Episode.objects.get(pk=episode.pk).updated_at
    assert read > ben
    Episode.objects.filter(pk=episode.pk).update(updated_at=next_version())
    set_verdict(
        episodes=[episode], verdict="reject", actor=Actor("olga"), version=read, own=True
    )  # she has seen what ben did
    edit_episodes(episodes=[episode], actor=Actor("ben"), note="dark")
    with pytest.raises(Refused, match="ben set note to dark"):
        set_verdict(episodes=[episode], verdict="keep", actor=Actor("olga"), version=read, own=True)


def test_many_at_once_are_not_judged_over_what_another_one_said(make_episode: Any) -> None:
    seen = [make_episode(verdict="unreviewed") for _ in range(3)]
    versions = {episode.pk: episode.updated_at for episode in seen}
    set_verdict(episodes=[seen[1]], verdict="keep", actor=Actor("ben"))
    with pytest.raises(Refused, match="ben set verdict to keep"):
        set_verdict(episodes=seen, verdict="reject", actor=Actor("olga"), versions=versions)
    with pytest.raises(Refused, match="ben set verdict to keep"):
        edit_many(episodes=seen, actor=Actor("olga"), task="push it", versions=versions)
    assert verdicts(*seen) == ["unreviewed", "keep", "unreviewed"]
    set_verdict(episodes=seen, verdict="keep", actor=Actor("olga"), versions=versions)
    assert verdicts(*seen) == ["keep", "keep", "keep"]


def test_it_asks_once_whether_another_one_changed_any_of_many(make_episode: Any) -> None:
    def asked(count: int) -> int:
        seen = [make_episode(verdict="unreviewed") for _ in range(count)]
        set_verdict(episodes=seen, verdict="keep", actor=Actor("olga"))
        versions = {episode.pk: episode.updated_at for episode in seen}
        with CaptureQueriesContext(connection) as queries:
            set_verdict(episodes=seen, verdict="reject", actor=Actor("olga"), versions=versions)
        return len(queries)

    assert asked(9) == asked(3)


def test_it_says_that_another_one_took_something_back(make_episode: Any) -> None:
    episode = make_episode(verdict="unreviewed")
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("ben"))
    episode.refresh_from_db()
    read = episode.updated_at
    undo(actor=Actor("ben"))
    with pytest.raises(Refused, match="^ben .* verdict to keep of "):
        set_verdict(episodes=[episode], verdict="reject", actor=Actor("olga"), version=read, own=True)
