"""A job fails for good while a person cancels its batch, again and again, in two threads; says what went wrong."""

from __future__ import annotations

import json
import sys

import django

django.setup()

from django.utils import timezone  # noqa: E402

from recorder.actor import Actor  # noqa: E402
from recorder.jobs.operations import cancel_operation  # noqa: E402
from recorder.models import Dataset, Episode, Job, Operation  # noqa: E402
from recorder.worker.encode import fail_job  # noqa: E402
from tests.scale.at_once import together  # noqa: E402

ROUNDS, JOBS = 60, 12


def a_round(dataset: Dataset, number: int) -> list[str]:
    operation = Operation.objects.create(type="encode", dataset=dataset, state="encoding")
    episode = Episode.objects.create(dataset=dataset, task="push", state="encoding", recorded_at=timezone.now())
    for camera in range(JOBS):
        Job.objects.create(operation=operation, episode=episode, camera=str(camera), state="running", token=f"{number}")
    jobs = list(Job.objects.filter(operation=operation).order_by("-pk" if number % 2 else "pk"))
    other = (
        (lambda: cancel_operation(operation=operation, actor=Actor("olga")))
        if number % 3
        else (lambda: fail_job(jobs[-1], "worse", final=True))
    )
    wrong = together([lambda: fail_job(jobs[0], "bad", final=True), other])
    left = set(Job.objects.filter(operation=operation).values_list("state", flat=True))
    if left & {"running", "queued"}:
        wrong.append(f"jobs are left {sorted(left)}")
    episode.refresh_from_db()
    if episode.state == "encoding":
        wrong.append("the episode is left encoding")
    return wrong


def main() -> None:
    dataset = Dataset.objects.create(slug="deadlock", title="Deadlock")
    wrong = [words for number in range(ROUNDS) for words in a_round(dataset, number)]
    sys.stdout.write(json.dumps(wrong) + "\n")


main()
