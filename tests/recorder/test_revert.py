"""Back to any earlier change of an episode, with row and folder, as a change that undo takes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.encoding import start_encoding
from recorder.models import Change, Episode
from recorder.review.revert import revert
from recorder.review.verdicts import edit_episodes, history, set_verdict, undo
from robotdata.spool import read_manifest

pytestmark = pytest.mark.django_db


@pytest.fixture
def episode(make_episode: Callable[..., Episode]) -> Episode:
    """Changed four times by two people: kept, renamed, trimmed and labelled, rejected."""
    episode = make_episode(verdict="unreviewed")
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("olga"))
    edit_episodes(episodes=[episode], actor=Actor("ben"), task="stack")
    edit_episodes(episodes=[episode], actor=Actor("olga"), trim_first=2, trim_end=6, labels=["slow"])
    set_verdict(episodes=[episode], verdict="reject", actor=Actor("ben"))
    return episode


def changes(episode: Episode) -> list[int]:
    """Oldest first."""
    return [change.pk for change in reversed(history(episode=episode))]


def state(episode: Episode) -> tuple[Any, ...]:
    """As row and folder say alike."""
    episode.refresh_from_db()
    manifest = read_manifest(episode.take_path)
    curation = manifest["curation"]
    trim = None if episode.trim_first is None else [episode.trim_first, episode.trim_end]
    row = (episode.verdict, episode.task, episode.labels, trim)
    assert row == (curation["verdict"], manifest["task"], curation["labels"], curation["trim"])
    return row


@pytest.mark.parametrize(
    ("at", "then"),
    [
        (None, ("unreviewed", "push", [], None)),
        (0, ("keep", "push", [], None)),
        (1, ("keep", "stack", [], None)),
        (2, ("keep", "stack", ["slow"], [2, 6])),
    ],
)
def test_it_goes_back_to_any_change(episode: Episode, at: int | None, then: tuple[Any, ...]) -> None:
    before = state(episode)
    revert(episode=episode, change=None if at is None else changes(episode)[at], actor=Actor("mei"))
    assert state(episode) == then
    assert history(episode=episode).count() == 5 and history(episode=episode)[0].who == "mei"
    undo(actor=Actor("mei"))
    assert state(episode) == before


def test_it_goes_back_and_forth_through_reverts(episode: Episode) -> None:
    last = changes(episode)[-1]
    revert(episode=episode, change=None, actor=Actor("mei"))
    revert(episode=episode, change=last, actor=Actor("mei"))
    assert state(episode) == ("reject", "stack", ["slow"], [2, 6])


def test_it_passes_over_what_was_taken_back(episode: Episode) -> None:
    kept, _, trimmed, rejected = changes(episode)
    undo(actor=Actor("ben"))
    with pytest.raises(Refused, check=lambda refused: refused.code == "no_change"):
        revert(episode=episode, change=rejected, actor=Actor("mei"))
    with pytest.raises(Refused, check=lambda refused: refused.code == "same"):
        revert(episode=episode, change=trimmed, actor=Actor("mei"))
    revert(episode=episode, change=kept, actor=Actor("mei"))
    assert state(episode) == ("keep", "push", [], None)


def test_it_says_who_changed_it_after_one_looked(episode: Episode) -> None:
    seen, first = episode.updated_at, changes(episode)[0]
    edit_episodes(episodes=[episode], actor=Actor("ben"), note="dark")
    with pytest.raises(Refused, match="ben set note to dark") as said:
        revert(episode=episode, change=first, actor=Actor("olga"), version=seen)
    assert said.value.code == "conflict" and state(episode)[0] == "reject"


def test_it_refuses_what_is_being_encoded_or_gone(episode: Episode) -> None:
    first = changes(episode)[0]
    set_verdict(episodes=[episode], verdict="keep", actor=Actor("ben"))
    start_encoding(dataset=episode.dataset, actor=Actor("sven"))
    with pytest.raises(Refused, match="is being encoded .* by sven"):
        revert(episode=episode, change=first, actor=Actor("olga"))
    Episode.objects.filter(pk=episode.pk).update(state="recorded", purged_at=timezone.now())
    with pytest.raises(Refused, check=lambda refused: refused.code == "purged"):
        revert(episode=episode, change=first, actor=Actor("olga"))


def test_it_does_so_through_api_and_page(episode: Episode, make_episode: Any, client: Client) -> None:
    other = make_episode(verdict="unreviewed")
    client.force_login(get_user_model().objects.create_user("olga"))
    lines = client.get(f"/api/episodes/{episode.pk}/history").json()
    assert [line["who"] for line in lines] == ["ben", "olga", "ben", "olga"]
    page = client.get(f"/episodes/{episode.pk}/").text
    assert page.count("Restore</button>") == 4, "every one but the newest, and the beginning"
    url = f"/api/episodes/{episode.pk}/revert"
    answer = client.post(url, {"change": lines[-1]["id"]}, content_type="application/json")
    assert (answer.status_code, answer.json()["verdict"], answer.json()["task"]) == (200, "keep", "push")
    assert client.post(url, {"change": 999_999}, content_type="application/json").status_code == 404
    stranger = client.post(
        f"/api/episodes/{other.pk}/revert", {"change": lines[-1]["id"]}, content_type="application/json"
    )
    assert stranger.status_code == 404 and Change.objects.filter(episode=other).count() == 0
