"""Quality's bells: `wake_workers("assess_take", id)` once a take is indexed; the sweep sends a lost message again.

`wake_workers("judge_dataset", pk)` once its thresholds are others, and again until all its takes are judged by them.
"""

# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

from celery import shared_task

from recorder.models import Dataset
from recorder.quality import assess


@shared_task(name="robotdata.assess_take")
def assess_take(episode_id: str) -> None:
    assess.assess_by_id(episode_id)


@shared_task(name="robotdata.judge_dataset")
def judge_dataset(dataset_id: int) -> None:
    waits = Dataset.objects.filter(pk=dataset_id, judge_by__isnull=False)
    if (dataset := waits.first()) is not None:
        assess.judge_all(dataset=dataset)
