"""From an episode's row to its open files: where it lies now, and the sources that are open."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from asgiref.sync import sync_to_async

from recorder.models import Episode
from viewer.committed_source import CommittedSource, committed_version
from viewer.errors import Gone, NotThere
from viewer.frames import Pool, Slots
from viewer.sources import FrameSource, SourceCache
from viewer.take_source import TakeSource, take_version

T = TypeVar("T")
SOURCES = SourceCache(32)
_NEEDED = ("state", "purged_at", "episode_index", "trim_first", "trim_end", "dataset__slug")
"""All columns of both tables would cost more than the frame."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an episode lies: a take's folder, or a dataset's and an index in it. Plain, for any thread."""

    id: uuid.UUID
    folder: Path
    index: int | None
    trim: tuple[int | None, int | None] = (None, None)
    """[first, end) in ticks of the take, None where it is not trimmed at that end."""


def find_place(episode_id: uuid.UUID) -> Place:
    """Where the episode is now; raises NotThere for an unknown one, Gone for one that was emptied from the trash."""
    try:
        episode = Episode.objects.select_related("dataset").only(*_NEEDED).get(pk=episode_id)
    except Episode.DoesNotExist:
        raise NotThere(f"episode {episode_id} does not exist") from None
    if episode.is_committed:
        return Place(episode.pk, episode.dataset.path, episode.episode_index)
    if episode.purged_at is not None:
        raise Gone(f"episode {episode_id} was emptied from the trash on {episode.purged_at:%Y-%m-%d %H:%M} UTC")
    return Place(episode.pk, episode.take_path, None, (episode.trim_first, episode.trim_end))


@contextlib.contextmanager
def open_source(place: Place) -> Iterator[FrameSource]:
    """The source of the episode at `place`, as it is on disk now. Blocks. Raises Gone where it cannot be opened."""
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
    """What `work` makes of the episode at `place`; once more where its files changed meanwhile."""
    try:
        with open_source(place) as source:
            return work(source)
    except Gone:
        with open_source(place) as source:
            return work(source)


def trim_in_frames(place: Place, source: FrameSource) -> tuple[int, int] | None:
    """What is kept, as [first, end) in frames of the source; None where nothing is cut."""
    first, end = place.trim
    if first is None and end is None:
        return None
    begin = max(0, (first or 0) - source.first_tick)
    stop = source.frames if end is None else min(source.frames, end - source.first_tick)
    return (begin, stop) if begin < stop else None


def read_episode(place: Place, turns: Slots, work: Callable[[FrameSource], T]) -> T:
    """What `work` makes of the episode, when it is our turn. Blocks.

    An episode is committed while people look at it: where its files are gone, its row is asked once more.
    """
    with turns:
        try:
            return use_source(place, work)
        except Gone:
            fresh = find_place(place.id)
            if fresh == place:
                raise
            return use_source(fresh, work)


class Hold:
    """An open source for as long as somebody needs it; `close` it, from any thread."""

    def __init__(self, place: Place) -> None:
        self._stack = contextlib.ExitStack()
        self.place = place
        self.source = self._stack.enter_context(open_source(place))

    def close(self) -> None:
        self._stack.close()


async def hold_source(episode_id: uuid.UUID, pool: Pool) -> Hold:
    """The episode's source, held open, as it is now. Raises NotThere, Gone, Busy."""
    place = await sync_to_async(find_place)(episode_id)
    opening = asyncio.ensure_future(pool.run(Hold, place))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_let_go)
        raise


def _let_go(opening: asyncio.Future[Hold]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
