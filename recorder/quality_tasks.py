"""Quality's bells: `ring("assess_take", id)` once a take is indexed; a lost one is rung again by the sweep."""

# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

from celery import shared_task

from recorder.services import quality


@shared_task(name="recorder.tasks.assess_take")
def assess_take(episode_id: str) -> None:
    quality.assess_by_id(episode_id)
