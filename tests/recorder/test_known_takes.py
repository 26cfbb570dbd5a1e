"""A take that would get the id of an episode is refused before the rig records it under that id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.live.recording import start_recording
from recorder.models import Dataset, Episode, Rig, Session

OLGA = Actor("olga")


def refusal(dataset: Dataset, take: str) -> Refused:
    Rig.objects.get_or_create(name="sim")
    with pytest.raises(Refused) as refused:
        start_recording(rig_name="sim", dataset=dataset, actor=OLGA, take=take, task="push")
    return refused.value


@pytest.mark.parametrize(
    "gone", [{"state": "encoded", "episode_index": 0}, {"verdict": "reject", "purged_at": timezone.now()}]
)
def test_no_take_gets_the_id_of_an_episode_that_left_the_spool(
    cubes: Dataset, make_episode: Callable[..., Episode], gone: dict[str, Any]
) -> None:
    episode = make_episode()
    Episode.objects.filter(pk=episode.pk).update(**gone)
    sessions = Session.objects.count()
    refused = refusal(cubes, str(episode.pk))
    assert refused.code == "conflict" and f"{episode}" in refused.message and "new UUID" in refused.message
    assert Session.objects.count() == sessions


def test_an_id_in_the_spool_is_left_to_the_rig_which_repeats_its_answer(
    cubes: Dataset, make_episode: Callable[..., Episode]
) -> None:
    assert refusal(cubes, str(make_episode().pk)).code == "offline"
