"""Find the files of an episode and keep its source open while it is read."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from asgiref.sync import sync_to_async

from recorder.models import Dataset, Episode
from robotdata.one_row import OneRow
from viewer.committed_source import CommittedSource, committed_version
from viewer.errors import Gone, NotFound
from viewer.frames import Pool, Slots
from viewer.sources import FrameSource, SourceCache
from viewer.take_source import TakeSource, take_version

T = TypeVar("T")
SOURCES = SourceCache(32)
_READ = {"id", "state", "purged_at", "episode_index", "trim_first", "trim_end"}
_EPISODE = OneRow(lambda: Episode, _READ, ["dataset__slug", "dataset__recorded_action"])
"""What `find_place` reads. Reading all columns of both tables would take longer than reading a frame."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an episode's files are: the folder of a take, or the folder of a dataset and an episode index.

    It holds no open file and no database row, so any thread may use it.
    """

    id: uuid.UUID
    folder: Path
    index: int | None
    trim: tuple[int | None, int | None] = (None, None)
    """[first, end) in ticks of the take; None at an end that is not trimmed."""
    recorded_action: str = ""
    """Which of a take's two actions its dataset gets; empty if the dataset has not chosen, and for an episode."""


def find_place(episode_id: uuid.UUID) -> Place:
    """Return where the episode is now.

    Raises NotFound if it does not exist, and Gone if it was deleted from the trash.
    """
    row = _EPISODE.get(episode_id)
    if row is None:
        raise NotFound(f"episode {episode_id} does not exist")
    episode, slug, recorded_action = row
    if episode.is_committed:
        return Place(episode.pk, Dataset(slug=slug).path, episode.episode_index)
    if episode.purged_at is not None:
        raise Gone(f"episode {episode_id} was emptied from the trash on {episode.purged_at:%Y-%m-%d %H:%M} UTC")
    return Place(episode.pk, episode.take_path, None, (episode.trim_first, episode.trim_end), recorded_action)


@contextlib.contextmanager
def open_source(place: Place) -> Iterator[FrameSource]:
    """Open the source of the episode at `place` as it is on disk now. Blocks. Raises Gone if it cannot be opened."""
    if place.index is None:
        version = take_version(place.folder)
        with SOURCES.lease(place.id, version, lambda: TakeSource(place.folder)) as source:
            yield source
        return
    index = place.index
    version = committed_version(place.folder, index)
    with SOURCES.lease(place.id, version, lambda: CommittedSource(place.folder, index)) as source:
        yield source


def use_source(place: Place, work: Callable[[FrameSource], T]) -> T:
    """Return `work(source)` for the episode at `place`.

    If that raises Gone, the source is opened again and `work` retried once, because the files may have been replaced.
    """
    try:
        with open_source(place) as source:
            return work(source)
    except Gone:
        with open_source(place) as source:
            return work(source)


def trim_in_frames(place: Place, source: FrameSource) -> tuple[int, int] | None:
    """Return the kept frames [first, end) of the source, or None if the episode is not trimmed."""
    first, end = place.trim
    if first is None and end is None:
        return None
    begin = max(0, (first or 0) - source.first_tick)
    stop = source.frames if end is None else min(source.frames, end - source.first_tick)
    return (begin, stop) if begin < stop else None


def read_episode(place: Place, slots: Slots, work: Callable[[FrameSource], T]) -> T:
    """Return `work(source)` for the episode, inside one of `slots`. Blocks. Raises what `work` raises, Gone and Busy.

    An episode may be committed while people watch it: if its files are gone, its row is read again and `work` retried.
    """
    with slots:
        try:
            return use_source(place, work)
        except Gone:
            fresh = find_place(place.id)
            if fresh == place:
                raise
            return use_source(fresh, work)


class SourceHandle:
    """An open source. It stays open until `close` is called, from any thread."""

    def __init__(self, place: Place) -> None:
        self._stack = contextlib.ExitStack()
        self.place = place
        self.source = self._stack.enter_context(open_source(place))

    def close(self) -> None:
        """Release the source. Calling it twice is harmless."""
        self._stack.close()


async def acquire_source(episode_id: uuid.UUID, pool: Pool) -> SourceHandle:
    """Open the episode's source in a thread of `pool`. Raises NotFound, Gone, Busy.

    If the caller is cancelled meanwhile, the source is closed once it is open.
    """
    place = await sync_to_async(find_place)(episode_id)
    opening = asyncio.ensure_future(pool.run(SourceHandle, place))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_when_opened)
        raise


def _close_when_opened(opening: asyncio.Future[SourceHandle]) -> None:
    """Close the source of an opening whose caller was cancelled."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
