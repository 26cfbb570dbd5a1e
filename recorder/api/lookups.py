"""Return the row that a URL names. Raise Refused (404) if there is none."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from recorder.errors import Refused
from recorder.models import Dataset, Episode, Operation, Session, Unopened


def dataset_of(slug: str) -> Dataset:
    """Return the dataset, with its counts. Raise Refused (404) if there is none."""
    dataset = Dataset.objects.with_counts().filter(slug=slug).first()
    if dataset is None:
        raise Refused("no_dataset", f"There is no dataset {slug!r}; GET /api/datasets lists them.", 404)
    return dataset


def episode_of(pk: UUID) -> Episode:
    """Return the episode. Raise Refused (404) if there is none."""
    episode = Episode.objects.select_related("dataset", "rig").filter(pk=pk).first()
    if episode is None:
        raise Refused("no_episode", f"There is no episode {pk}; GET /api/episodes lists them.", 404)
    return episode


def episodes_of(pks: Sequence[UUID]) -> list[Episode]:
    """Return the episodes in the given order. Raise Refused (404) if one is missing."""
    ids = list(dict.fromkeys(pks))
    episodes = {row.pk: row for row in Episode.objects.select_related("dataset").filter(pk__in=ids)}
    missing = [str(pk) for pk in ids if pk not in episodes]
    if missing:
        others = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise Refused("no_episode", f"There is no episode {', '.join(missing[:3])}{others}; nothing was done.", 404)
    return [episodes[pk] for pk in ids]


def session_of(pk: UUID) -> Session:
    """Return the session. Raise Refused (404) if there is none."""
    session = Session.objects.select_related("rig", "dataset").filter(pk=pk).first()
    if session is None:
        raise Refused("no_session", f"There is no session {pk}; GET /api/sessions lists them.", 404)
    return session


def operation_of(pk: UUID) -> Operation:
    """Return the operation. Raise Refused (404) if there is none."""
    operation = Operation.objects.select_related("dataset").filter(pk=pk).first()
    if operation is None:
        raise Refused("no_operation", f"There is no operation {pk}; GET /api/operations lists them.", 404)
    return operation


def unopened_of(pk: int) -> Unopened:
    """Return the line about a folder that could not be opened. Raise Refused (404) if there is none."""
    row = Unopened.objects.filter(pk=pk).first()
    if row is None:
        raise Refused("no_folder", f"There is no folder {pk} any more; GET /api/unopened lists them.", 404)
    return row
