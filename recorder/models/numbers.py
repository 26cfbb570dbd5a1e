"""Numbers of episodes: #12 is an episode's name in its dataset, from its recording on and for life.

A dataset counts them itself (`next_number`), so that the number of a deleted episode is never given again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.db import transaction

from recorder.models.dataset import Dataset

if TYPE_CHECKING:
    from recorder.models.episode import Episode

MAX_NUMBER = 2**31 - 1
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
    dataset's next one.
    """
    by_dataset: dict[int, list[Episode]] = {}
    for row in rows:
        by_dataset.setdefault(row.dataset_id, []).append(row)
    for dataset_id, group in sorted(by_dataset.items()):
        indexed = [None if row.episode_index is None else row.episode_index + 1 for row in group]
        numbers = claim_numbers(dataset_id, [row.number for row in group], indexed)
        for row, number in zip(group, numbers, strict=True):
            row.number = number


def claim_numbers(
    dataset_id: int, stored: Sequence[int | None], indexed: Sequence[int | None] | None = None
) -> list[int]:
    """Return a new number of the dataset for each of `stored`: the same one if no row has it.

    Otherwise the one in `indexed` if it was never given, else the next. Holds the dataset's row until the end of the
    transaction, so that no two get the same.
    """
    from recorder.models.episode import Episode

    with transaction.atomic():
        held = Dataset.with_trash.select_for_update(no_key=True).values_list("next_number", flat=True)
        first = held.get(pk=dataset_id)
        rows = Episode.objects.filter(dataset_id=dataset_id).order_by()
        stored = [number if number is not None and 0 < number <= MAX_NUMBER else None for number in stored]
        requested = [number for number in (*stored, *(indexed or ())) if number is not None]
        taken: set[int] = set()
        for start in range(0, len(requested), _CHUNK_SIZE):
            chunk = requested[start : start + _CHUNK_SIZE]
            taken |= set(rows.filter(number__in=chunk).values_list("number", flat=True))
        numbers: list[int | None] = []
        for number in stored:  # before the others, which could take them
            numbers.append(None if number in taken else number)
            taken |= {number} if number is not None else set()
        upcoming = first
        for place, number in enumerate(numbers):
            if number is not None:
                continue
            index = indexed[place] if indexed is not None else None
            if index is None or index < first or index in taken:
                while upcoming in taken:
                    upcoming += 1
                index = upcoming
            taken.add(index)
            numbers[place] = index
        given = [number for number in numbers if number is not None]
        Dataset.with_trash.filter(pk=dataset_id).update(next_number=max([first - 1, *given]) + 1)
    return given
