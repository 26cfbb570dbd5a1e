"""RigRows: write a rig's messages to the database in tasks of their own, so that no frame waits for a row."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from channels.db import database_sync_to_async
from django.db import InterfaceError, OperationalError

from recorder.actor import Actor
from recorder.alone import log_once, unexpected_message
from recorder.catalog.unopened import note_take
from recorder.errors import Refused
from recorder.live import rigs
from recorder.models.readiness import readiness_of
from robotdata.thread_limit import is_thread_limit

log = logging.getLogger(__name__)

WRITE_EVERY_S = 1.0
TAKES_WAITING = 1000
CLOSE_WITHIN_S = 10.0
_AGAIN_S = 0.5
P = ParamSpec("P")
R = TypeVar("R")
_NUMBER = re.compile(r"\d+")


class RigRows:
    """Writes the rows of one connection. A visible change of the status is written at once, others once a second."""

    def __init__(self, *, name: str, actor: Actor, connection: str, cameras: Sequence[Any] = ()) -> None:
        self.name = name
        self.actor = actor
        self.cameras = cameras
        self.connection = connection
        self.ended = asyncio.Event()  # set when the socket must be closed
        self.failed = False  # ended by an internal error, not because another connection took over this rig
        self._status: Mapping[str, Any] | None = None
        self._written: Mapping[str, Any] | None = None
        self._seen: tuple[Any, ...] = ()
        self._moved = False
        self._unfinished_due = False
        self._written_at = 0.0
        self._takes: asyncio.Queue[tuple[str, Mapping[str, Any] | None]] = asyncio.Queue(TAKES_WAITING)
        self._wake = asyncio.Event()
        self._tasks = [asyncio.create_task(self._write_takes()), asyncio.create_task(self._write_statuses())]
        for task in self._tasks:
            task.add_done_callback(self._watch)

    def status(self, status: Mapping[str, Any]) -> None:
        """Queue the status to be written, replacing an older one."""
        seen = visible(status, self.cameras)
        self._moved = self._moved or seen != self._seen
        self._seen = seen
        self._status = status
        if self._moved or time.monotonic() - self._written_at >= WRITE_EVERY_S:
            self._wake.set()

    async def take(self, take_id: str, summary: Mapping[str, Any] | None) -> None:
        """Queue a take to be indexed. Blocks while TAKES_WAITING takes are queued; the socket is then not read."""
        await self._takes.put((take_id, summary))

    async def silent(self) -> None:
        """Mark the rig as offline until it sends a status again."""
        self._seen = ()  # so that its next status counts as a change
        await in_database(rigs.rig_silent, name=self.name, connection=self.connection)

    async def close(self) -> None:
        """Write what is queued, then mark the rig as disconnected."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._takes.join(), CLOSE_WITHIN_S)  # the next hello lists the remaining takes
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # The last status shows which take was cut off.
        if self._status is not None and self._status is not self._written and not self.ended.is_set():
            await in_database(
                rigs.rig_status, name=self.name, connection=self.connection, status=self._status, moved=True
            )
        await in_database(rigs.rig_disconnected, name=self.name, connection=self.connection)

    def _watch(self, task: asyncio.Task[None]) -> None:
        """Close the socket if a task fails: the rig would stay connected without being recorded. It then reconnects."""
        if task.cancelled() or task.exception() is None:
            return
        log.error("Stopped writing the rows of %s; it is told to reconnect", self.name, exc_info=task.exception())
        self.failed = True
        self.ended.set()

    async def _write_statuses(self) -> None:
        while not self.ended.is_set():
            await self._wake.wait()
            self._wake.clear()
            status, moved = self._status, self._moved
            if status is None:
                continue
            self._moved, self._written_at = False, time.monotonic()
            try:
                await self._write_status(status, moved)
            except Exception as error:  # noqa: BLE001 - the next status may succeed
                self._moved = self._moved or moved  # nobody has heard of that change yet
                log_once(log, f"Writing the status of {self.name}", error)

    async def _write_status(self, status: Mapping[str, Any], moved: bool) -> None:
        ours = await in_database(
            rigs.rig_status, name=self.name, connection=self.connection, status=status, moved=moved
        )
        if not ours:
            self.ended.set()
            return
        self._written = status
        # Not at once, because a rig reports its new state before the take that has ended.
        if moved:
            self._unfinished_due = True
        elif self._unfinished_due:
            self._unfinished_due = False
            current = (status.get("take") or {}).get("id")
            for take_id in await in_database(rigs.unfinished_takes, name=self.name, current=current):
                await self.take(take_id, None)

    async def _write_takes(self) -> None:
        while True:
            take_id, summary = await self._takes.get()
            try:
                await self._write_take(take_id, summary)
            except Exception as error:  # noqa: BLE001 - one take must not block the others
                log_once(log, f"Naming the take {take_id} of {self.name}", error)
            finally:
                self._takes.task_done()

    async def _write_take(self, take_id: str, summary: Mapping[str, Any] | None) -> None:
        try:
            await in_database(rigs.index_take, take_id=take_id, actor=self.actor, summary=summary)
        except Refused as error:
            log.warning("%s: %s", self.name, error)
            await self.not_listed(take_id, error.message)
        except Exception as error:  # noqa: BLE001 - a rig may send anything; the take's folder is unaffected
            log_once(log, f"Listing the take {take_id} of {self.name}", error)
            await self.not_listed(take_id, unexpected_message(error))

    async def not_listed(self, take_id: str, why: str) -> None:
        """Store a line, for the pages, about a take that cannot be listed."""
        await in_database(note_take, take_id=take_id, why=why)


def visible(status: Mapping[str, Any], cameras: Sequence[Any] = ()) -> tuple[Any, ...]:
    """Return the part of a status whose change is visible on a page without a live socket."""
    take = status.get("take") or {}
    warnings = [warning for warning in status.get("warnings") or [] if isinstance(warning, Mapping)]
    controls = tuple(status.get("controls") or [])
    said = tuple(_text_of(warning) for warning in warnings)
    ready = readiness_of(str(status.get("state")), status, cameras)
    return status.get("state"), status.get("since"), controls, take.get("id"), status.get("message"), said, ready.label


def _text_of(warning: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a warning's content without its numbers, so that a rising count is not a change."""
    text = _NUMBER.sub("#", str(warning.get("text"))) if warning.get("camera") else ""
    return str(warning.get("code")), str(warning.get("camera")), text


async def in_database(function: Callable[P, R], *args: P.args, **arguments: P.kwargs) -> R:
    """Run a service in a thread; retry while the database is unreachable or no thread can be started."""
    while True:
        try:
            done: R = await database_sync_to_async(function, thread_sensitive=False)(*args, **arguments)
            return done
        except (OperationalError, InterfaceError) as error:
            log.warning("%s waits for the database: %s", function.__name__, error)
        except RuntimeError as error:
            if not is_thread_limit(error):
                raise
            log.warning("%s waits for a thread: %s", function.__name__, error)
        await asyncio.sleep(_AGAIN_S)
