"""The Celery tasks of quality.

`assess_take` is sent once a take is indexed; the sweep repeats a lost message. `judge_dataset` is sent when the
thresholds of a dataset change, and repeated until all its takes are assessed with them.
"""

# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

from celery import shared_task

from recorder.models import Dataset
from recorder.quality import assess


@shared_task(name="robotdata.assess_take")
def assess_take(episode_id: str) -> None:
    """Measure and flag a take."""
    assess.assess_by_id(episode_id)


@shared_task(name="robotdata.judge_dataset")
def judge_dataset(dataset_id: int) -> None:
    """Assess all takes of a dataset whose thresholds have changed."""
    waiting = Dataset.objects.filter(pk=dataset_id, judge_by__isnull=False)
    if (dataset := waiting.first()) is not None:
        assess.rejudge_all(dataset=dataset)
