"""Put the episodes of a dataset into another order. Packets are copied bit for bit, nothing is encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import EditError, NoSuchEpisode
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import open_parquet
from robotdata.dataset.write.brought import BroughtRef
from robotdata.dataset.write.edit import EditResult
from robotdata.dataset.write.episode_refs import plan_parts
from robotdata.dataset.write.fit import Fit
from robotdata.dataset.write.reshape import (
    Reshaped,
    ReshapePreview,
    copying_s,
    info_of,
    make_revision,
    size_of_dataset,
)
from robotdata.dataset.write.transfer import How, Where

BY = ("recorded", "task", "length")
"""The orders that can be named: by the time of recording, by task, and by length; equal ones stay as they are."""
Order = Callable[[DatasetFolder], Sequence[int]]


def reorder_episodes(
    root: Path,
    order: Order | Sequence[int],
    where: Where,
    how: How | None = None,
    before_swap: Callable[[], None] | None = None,
) -> EditResult:
    """Put all episodes into `order`, the current numbers in the new order, or a function that returns them.

    Rows, frames, tasks, labels and statistics go with their episode. Raises EditError if an episode is missing or
    listed twice, if the order is the present one, or if rows or videos cannot be read; NoSuchEpisode, DatasetBusy.
    """

    def prepare(base: DatasetFolder) -> Reshaped:
        numbers = check_order(base, order(base) if callable(order) else order)
        if numbers == list(range(len(numbers))):
            raise EditError(f"the episodes of {base.root.name} are in this order already")
        _check_columns(base)
        refs = [_ref(base, base.episode(number)) for number in numbers]
        moved = sum(place != number for place, number in enumerate(numbers))
        plan = plan_parts(base, base.features, base.fps, refs)
        return Reshaped(plan, info_of(base), {"what": "reordered", "moved": moved})

    return make_revision(root, prepare, where, how, before_swap)


def order_by(base: DatasetFolder, by: str) -> list[int]:
    """Return the current numbers of all episodes in an order of `BY`. Raises EditError if it is not known of all."""
    if by == "task":
        return sorted(range(len(base.episodes)), key=lambda n: base.episode(n).tasks[:1])
    if by == "length":
        return sorted(range(len(base.episodes)), key=lambda n: base.episode(n).length)
    if by != "recorded":
        raise EditError(f"{by!r} is not an order: choose one of {', '.join(BY)}, or list the episodes")
    times = [episode.extra.get("recorded_at") for episode in base.episodes]
    if unknown := sum(not isinstance(time, str) for time in times):
        raise EditError(
            f"{base.root.name} does not say when {unknown} of its {len(times)} episodes were recorded: choose another "
            "order, or list the episodes"
        )
    return sorted(range(len(times)), key=lambda n: str(times[n]))


def preview_reorder(base: DatasetFolder, order: Sequence[int]) -> ReshapePreview:
    """Return what a new order would do. Raises as `reorder_episodes`."""
    numbers, size = check_order(base, order), size_of_dataset(base)
    moved = sum(place != number for place, number in enumerate(numbers))
    notes = [f"{moved} of {len(numbers)} episodes get another number." if moved else "They are in this order already."]
    return ReshapePreview(len(numbers), base.total_frames, size, 0, copying_s(size) if moved else 0, notes)


def check_order(base: DatasetFolder, order: Sequence[int]) -> list[int]:
    """Return the order as a list. Raises NoSuchEpisode, and EditError unless it has each episode once."""
    numbers, count = list(order), len(base.episodes)
    for number in numbers:
        if type(number) is not int or not 0 <= number < count:
            raise NoSuchEpisode(base.root, number, count)
    if len(set(numbers)) < len(numbers):
        raise EditError(f"an episode of {base.root.name} is listed twice in the new order; list each once")
    if missing := sorted(set(range(count)) - set(numbers)):
        raise EditError(
            f"{len(missing)} of the {count} episodes of {base.root.name} are not in the new order, the first is "
            f"{missing[0]}: list all of them"
        )
    return numbers


def _ref(base: DatasetFolder, episode: EpisodeInfo) -> BroughtRef:
    uuid = episode.uuid or str(uuid4())
    return BroughtRef(base, episode, Fit(), uuid, {**episode.extra, "uuid": uuid})


def _check_columns(base: DatasetFolder) -> None:
    """Raise EditError if data files have different columns: in one file, some would be lost."""
    columns: dict[Path, frozenset[str]] = {}
    for episode in base.episodes:
        if episode.data_file is not None and episode.data_file not in columns:
            with open_parquet(episode.data_file) as file:
                columns[episode.data_file] = frozenset(file.schema_arrow.names)
    if len(set(columns.values())) > 1:
        first, other = list(dict.fromkeys(columns.values()))[:2]
        raise EditError(
            f"the data files of {base.root.name} have different columns ({', '.join(sorted(first ^ other)[:6])} is not "
            "in all of them), so their rows cannot change places"
        )
