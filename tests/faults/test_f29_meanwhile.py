"""F29: A take is deleted while it is measured or encoded: the other work ends in order and reports it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from recorder.actor import Actor
from recorder.models import Episode
from recorder.quality import assess
from recorder.review.trash import empty_trash

pytestmark = [pytest.mark.faults, pytest.mark.django_db]


def test_it_does_not_mind_that_the_trash_is_emptied_while_a_take_is_measured(
    make_episode: Callable[..., Episode], monkeypatch: pytest.MonkeyPatch
) -> None:
    episode = make_episode(verdict="reject")
    Episode.objects.update(reviewed_at=timezone.now())
    measure: Callable[[Episode], Any] = assess._measure

    def and_then_it_goes(episode: Episode) -> Any:
        found = measure(episode)
        assert empty_trash(actor=Actor("olga")) > 0
        return found

    monkeypatch.setattr(assess, "_measure", and_then_it_goes)
    assess.assess_by_id(str(episode.pk))
    episode.refresh_from_db()
    assert episode.purged_at is not None and not episode.take_path.exists()


def test_it_says_that_a_folder_was_taken_away_while_it_was_encoded(
    make_episode: Callable[..., Episode], monkeypatch: pytest.MonkeyPatch
) -> None:
    from recorder.jobs.encoding import start_encoding
    from recorder.models import Job
    from recorder.worker import encode as encoding

    episode = make_episode()
    operation = start_encoding(dataset=episode.dataset, actor=Actor("olga"))
    encode: Callable[..., Any] = encoding.encode_camera

    def without_its_folder(*args: Any, **more: Any) -> Any:
        made = encode(*args, **more)
        shutil.rmtree(episode.take_path)  # by hand, outside
        return made

    monkeypatch.setattr(encoding, "encode_camera", without_its_folder)
    encoding.run_job(Job.objects.get().pk)
    from recorder.worker.run import run_operation

    run_operation(operation.pk)
    episode.refresh_from_db()
    assert episode.state == "failed" and "there is no take in" in episode.error
