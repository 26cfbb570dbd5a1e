"""Many takes are judged at once while a batch of them begins, again and again, in two threads; says what went wrong."""

from __future__ import annotations

import json
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta

import django

django.setup()

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from recorder.errors import Refused  # noqa: E402
from recorder.many import change_many  # noqa: E402
from recorder.models import Batch, Dataset, Episode  # noqa: E402
from recorder.services.batches import start_batch  # noqa: E402

ROUNDS, TAKES = 12, 40


def a_round(dataset: Dataset) -> list[str]:
    now = timezone.now()
    Episode.objects.bulk_create(
        Episode(dataset=dataset, task="push", state="recorded", verdict="keep", recorded_at=now + timedelta(seconds=n))
        for n in range(TAKES)
    )
    takes = list(Episode.objects.filter(state="recorded").select_related("dataset").order_by("recorded_at"))
    barrier, wrong = threading.Barrier(2), []

    def run(action: Callable[[], object]) -> None:
        barrier.wait()
        try:
            action()
        except Refused:
            pass
        except Exception as error:  # noqa: BLE001 - it is what this looks for
            wrong.append(f"{type(error).__name__}: {error}".splitlines()[0])
        finally:
            connection.close()

    def rate(rating: int) -> None:
        change_many(episodes=takes, wish=lambda _: {"rating": rating}, who="olga", group=uuid.uuid4())

    def judge() -> None:
        for rating in range(1, 6):
            rate(rating)

    acts = (judge, lambda: start_batch(dataset=dataset, who="sven", episodes=takes))
    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if Episode.objects.filter(state="encoding").count() != TAKES:
        wrong.append("not all takes are in the batch")
    Batch.objects.all().delete()
    Episode.objects.all().delete()
    return wrong


def main() -> None:
    dataset = Dataset.objects.create(slug="orders", title="Orders")
    wrong = [words for _ in range(ROUNDS) for words in a_round(dataset)]
    sys.stdout.write(json.dumps(wrong) + "\n")


main()
