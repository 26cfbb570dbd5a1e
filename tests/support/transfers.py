"""Steps of tests that copy and move episodes: ask for it as a person does, then do what a worker would."""

from __future__ import annotations

import uuid

from recorder.actor import Actor
from recorder.catalog.transfers import Destination, Maps, start_copy
from recorder.models import Dataset, Episode, Operation
from recorder.worker import run

OLGA = Actor("olga")


def done(operation: Operation) -> Operation:
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert (operation.state, operation.error) == ("done", "")
    return operation


def dataset(slug: str) -> Dataset:
    return Dataset.objects.get(slug=slug)


def ids(row: Dataset) -> list[uuid.UUID]:
    found = row.episodes.committed().order_by("episode_index")
    assert [each.episode_index for each in found] == list(range(len(found)))
    return [each.pk for each in found]


def copy(cubes: Dataset, episodes: list[Episode], to: Destination, *, move: bool = False) -> Operation:
    return start_copy(dataset=cubes, episodes=episodes, to=to, move=move, maps=Maps(), actor=OLGA)
