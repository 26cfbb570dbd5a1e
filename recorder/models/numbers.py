"""Numbers of episodes: #12 is an episode's name in its dataset, from its recording on and for life.

A dataset counts them itself (`next_number`), so that the number of a deleted episode is never given again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.db import models, transaction

from recorder.errors import Refused
from recorder.models.dataset import Dataset
from robotdata.spool.facts import MAX_NUMBER as MAX_NUMBER

if TYPE_CHECKING:
    from recorder.models.episode import Episode

MAX_FOUND = 1_000_000_000
"""The highest number that a row takes over from a file. A higher one would leave its dataset few to give."""
MAX_COUNT = 2 * MAX_FOUND
"""The highest next number that a dataset takes over from its saved settings."""
_CHUNK_SIZE = 500


def format_number(number: int) -> str:
    """Return the number as every page, message and command prints it: `#12`."""
    return f"#{number}"


def parse_number(text: str) -> int | None:
    """Return the number in a text such as `#12` or `12`; None if it is not one."""
    digits = text.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and 0 < int(digits[:11]) <= MAX_NUMBER else None


def give_numbers(rows: Iterable[Episode]) -> None:
    """Give each of these new rows a number that is unique in its dataset. Call it in the transaction that saves them.

    A row keeps the number that it has (from its folder) unless another row has it. A row without one that has an
    `episode_index`, because it was found in a dataset, gets the index + 1 if that was never given. All others get the
    dataset's next one. Raise Refused if the dataset has none left.
    """
    by_dataset: dict[int, list[Episode]] = {}
    for row in rows:
        by_dataset.setdefault(row.dataset_id, []).append(row)
    for dataset_id, group in sorted(by_dataset.items()):
        indexed = [None if row.episode_index is None else row.episode_index + 1 for row in group]
        numbers = claim_numbers(dataset_id, [row.number for row in group], indexed)
        for row, number in zip(group, numbers, strict=True):
            row.number = number


def claim_numbers(dataset_id: int, stored: Sequence[int | None], indexed: Sequence[int | None]) -> list[int]:
    """Return a new number of the dataset for each of `stored`: the same one if no row has it.

    Otherwise the one in `indexed` if it was never given, or if the dataset has no rows yet; else the next. One above
    `MAX_FOUND` that the dataset has not reached counts as none. Holds the dataset's row until the end of the
    transaction, so that no two get the same. Raise Refused if the dataset has no number left.
    """
    if not stored:
        return []
    with transaction.atomic():
        held = Dataset.with_trash.select_for_update(no_key=True).values_list("next_number", flat=True)
        rows = Dataset(pk=dataset_id).episodes.order_by()
        counted = held.get(pk=dataset_id)
        highest = rows.aggregate(highest=models.Max("number"))["highest"]
        first = max(counted, (highest or 0) + 1)  # a count from an older backup may be too low
        most = max(MAX_FOUND, first - 1)
        taken = _taken(rows, [number for number in (*stored, *indexed) if number is not None])
        numbers: dict[int, int] = {}
        for place, number in enumerate(stored):  # before the others, which could take them
            if number is not None and 0 < number <= most and number not in taken:
                numbers[place] = number
                taken.add(number)
        unknown = [place for place in range(len(stored)) if place not in numbers]
        is_rebuilt = highest is None and any(indexed[place] is not None for place in unknown)
        upcoming = first
        for place in unknown:
            number = indexed[place]
            if number is None or number in taken or number > most or (number < first and not is_rebuilt):
                while upcoming in taken:
                    upcoming += 1
                number = upcoming
            numbers[place] = number
            taken.add(number)
        upcoming = max([first, *(number + 1 for number in numbers.values())])
        if upcoming > MAX_NUMBER + 1:
            raise Refused("no_numbers", _exhausted(dataset_id))
        Dataset.with_trash.filter(pk=dataset_id).update(next_number=upcoming)
    return [numbers[place] for place in range(len(stored))]


def _exhausted(dataset_id: int) -> str:
    title = Dataset.with_trash.values_list("title", flat=True).get(pk=dataset_id)
    return f"{title} has no number left for another episode, as the last is {MAX_NUMBER}: record into another dataset."


def _taken(rows: models.QuerySet[Episode], numbers: Sequence[int]) -> set[int]:
    """Return which of these numbers rows have."""
    taken: set[int] = set()
    for start in range(0, len(numbers), _CHUNK_SIZE):
        chunk = rows.filter(number__in=numbers[start : start + _CHUNK_SIZE])
        taken |= set(chunk.values_list("number", flat=True))
    return taken
