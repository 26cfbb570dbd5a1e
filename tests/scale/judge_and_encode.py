"""Many takes are judged while a batch of them begins, or taken back while another state closes what was said of them,
again and again, in two threads; says what went wrong.
"""

from __future__ import annotations

import contextlib
import json
import sys
import uuid
from datetime import timedelta

import django

django.setup()

from django.db import transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from recorder.actor import Actor  # noqa: E402
from recorder.catalog.datasets_on_disk import close_changes  # noqa: E402
from recorder.errors import Refused  # noqa: E402
from recorder.jobs.encoding import start_encoding  # noqa: E402
from recorder.models import Dataset, Episode, Operation  # noqa: E402
from recorder.review.change_many import change_all  # noqa: E402
from recorder.review.verdicts import undo  # noqa: E402
from tests.scale.at_once import together  # noqa: E402

ROUNDS, TAKES = 20, 40


def rate(takes: list[Episode], rating: int) -> None:
    with contextlib.suppress(Refused):  # of those that the batch has taken meanwhile
        change_all(episodes=takes, fields_for=lambda _: {"rating": rating}, actor=Actor("olga"), group=uuid.uuid4())


def judge(takes: list[Episode]) -> None:
    for rating in range(1, 6):
        rate(takes, rating)


def close(takes: list[Episode]) -> None:
    with transaction.atomic():
        for take in takes:
            Episode.objects.filter(pk=take.pk).update(error="moved")
            close_changes([take.pk])


def a_round(dataset: Dataset, begins: bool) -> list[str]:
    now = timezone.now()
    Episode.objects.bulk_create(
        Episode(dataset=dataset, task="push", state="recorded", verdict="keep", recorded_at=now + timedelta(seconds=n))
        for n in range(TAKES)
    )
    takes = list(Episode.objects.filter(state="recorded").select_related("dataset").order_by("recorded_at"))
    if begins:
        wrong = together(
            [lambda: judge(takes), lambda: start_encoding(dataset=dataset, actor=Actor("sven"), episodes=takes)]
        )
        if Episode.objects.filter(state="encoding").count() != TAKES:
            wrong.append("not all takes are in the batch")
    else:
        judge(takes)
        wrong = together([lambda: undo(actor=Actor("olga")), lambda: close(takes)])
    Operation.objects.all().delete()
    Episode.objects.all().delete()
    return wrong


def main() -> None:
    dataset = Dataset.objects.create(slug="orders", title="Orders")
    wrong = [words for number in range(ROUNDS) for words in a_round(dataset, number % 2 == 0)]
    sys.stdout.write(json.dumps(wrong) + "\n")


main()
