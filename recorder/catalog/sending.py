"""Send datasets out: the zip file of a dataset, or of some of its episodes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recorder.actor import Actor
from recorder.browse.filters import Filter, committed_rows
from recorder.errors import Refused
from recorder.models import Dataset
from recorder.models.permissions import Action, require
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.exchange.errors import TransferError
from robotdata.dataset.exchange.snapshot import Archive, OtherVersion, archive_of, plan_of, tidy_sent
from robotdata.dataset.layout import INFO
from robotdata.numbers import count


def open_archive(*, dataset: Dataset, actor: Actor, episodes: list[int] | None = None, version: str = "") -> Archive:
    """Return the zip file of the dataset, or of the episodes with these numbers; of `version`, if it is given.

    Raise Refused: 412 if that version is gone, 404 if nothing is committed, 409 if episodes cannot be cut out.
    """
    require(actor, Action.SEND_DATASET, dataset)
    _check_committed(dataset)
    try:
        return archive_of(dataset.path, dataset.work_path, dataset.slug, episodes=episodes, version=version)
    except OtherVersion as error:
        raise Refused("changed", f"{error}.", 412) from error
    except (TransferError, DatasetError) as error:
        raise Refused("not_sent", f"{dataset.title} cannot be sent: {str(error).rstrip('.')}.") from error
    except OSError as error:
        message = f"{dataset.title} cannot be read: {error.strerror or error}. Check the disk and its permissions."
        raise Refused("not_sent", message, 503) from error


def archive_size(dataset: Dataset) -> int | None:
    """Return the size in bytes of the zip file of the whole dataset; None if it cannot be made."""
    if not (dataset.path / INFO).is_file():
        return None
    try:
        return plan_of(dataset.path, dataset.slug).size
    except (TransferError, OSError):
        return None


def chosen_episodes(dataset: Dataset, *, numbers: str, query: Mapping[str, Any]) -> list[int] | None:
    """Return the numbers of the episodes in `numbers` (`0,3,5-9`), or that match the filter in `query`; None for all.

    Raise Refused (422) for text that is not a list of numbers and for an invalid value in the filter, (409) for a
    number that no episode has, and if damage hides which episodes match, (404) if none does.
    """
    filters = Filter.read_all(query)
    if numbers:
        return _parse_numbers(numbers, dataset)
    if not filters.conditions:
        return None
    rows = committed_rows(dataset, filters).order_by("episode_index")
    matching = [index for index in rows.values_list("episode_index", flat=True) if index is not None]
    if not matching:
        raise Refused("no_episode", f"No episode of {dataset.title} matches this filter.", 404)
    return matching


def tidy_work(paths: set[Path]) -> int:
    """Remove zip files' snapshots that nobody has asked for since a day; return how many."""
    return sum(tidy_sent(path) for path in paths)


def _check_committed(dataset: Dataset) -> None:
    if not (dataset.path / INFO).is_file():
        raise Refused("empty", f"{dataset.title} has no episode yet: encode takes first.", 404)


def _parse_numbers(text: str, dataset: Dataset) -> list[int]:
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        texts = (first, last if dash else first)
        bounds = [each for each in texts if each.isascii() and each.isdigit() and len(each) < 7]
        if len(bounds) != 2:
            raise Refused("invalid", f"episodes={text[:60]!r}: write numbers as 0,3,5-9.", 422)
        begin, end = int(bounds[0]), int(bounds[1]) + 1
        if end > dataset.total_episodes:  # a long range is not expanded before this is known
            message = (
                f"{dataset.title} has {count(dataset.total_episodes, 'episode')}, counted from 0: it has no {end - 1}."
            )
            raise Refused("no_episode", message)
        numbers.update(range(begin, end))
    return sorted(numbers)
