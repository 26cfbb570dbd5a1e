"""Poll the database for changed rows, while there are listeners, and notify them.

Polling runs in its own thread: SQLite's `data_version` counts only writes of *other* connections, and a query must not
block the event loop. The feed carries notifications, no data; listeners fetch the rows.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import Error, connection
from django.db.models import Q
from django.utils import timezone

from recorder.jobs.broker_health import broker_watch
from recorder.live.messages import Kind, Moved
from recorder.live.rigs import expire_rigs
from recorder.models import Dataset, Episode, Job, Operation, Rig, Session

log = logging.getLogger(__name__)

PERIOD_S = 0.25
MOST_AT_ONCE = 200
# Finds rows whose transaction was committed long after their timestamp.
OVERLAP = timedelta(seconds=5)
_EXPIRE_EVERY = 4

Listener = Callable[[list[Moved] | None], None]  # None: refresh everything


class ChangePoller:
    """Finds the rows that changed since the last poll. One per thread, because it uses that thread's connection."""

    def __init__(self) -> None:
        self._since = timezone.now()
        self._seen: dict[tuple[Kind, Any], datetime] = {}
        self._version: int | None = None

    def look(self) -> list[Moved] | None:
        """Return the rows that changed since the last poll, or None if there are more than MOST_AT_ONCE."""
        if not self._anything_written():
            return []
        after = self._since - OVERLAP
        news = [row for row in _moved_rows(after) if self._is_new(row)]
        self._seen = {key: at for key, at in self._seen.items() if at > after}
        self._since = max(self._since, min(timezone.now(), max((at for _, _, at in news), default=self._since)))
        return [moved for moved, _, _ in news] if len(news) <= MOST_AT_ONCE else None

    def _is_new(self, row: tuple[Moved, Any, datetime]) -> bool:
        moved, pk, at = row
        key = (moved["kind"], pk)
        if self._seen.get(key) == at:
            return False
        self._seen[key] = at
        return True

    def _anything_written(self) -> bool:
        if connection.vendor != "sqlite":
            return True
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            version = int(cursor.fetchone()[0])
        before, self._version = self._version, version
        return version != before


def _moved_rows(after: datetime) -> Iterator[tuple[Moved, Any, datetime]]:
    pk: Any
    newer, many = Q(updated_at__gt=after), MOST_AT_ONCE + 1
    # The newest changes come first: otherwise those already reported would fill the limit at every poll.
    episodes = Episode.objects.filter(newer).order_by("-updated_at")
    told = ("pk", "dataset__slug", "state", "rig__name", "verdict", "recorded_at", "updated_at")
    for pk, slug, state, rig, verdict, recorded, at in episodes.values_list(*told)[:many]:
        said = {"rig": rig or "", "verdict": verdict, "recorded_at": recorded.isoformat() if recorded else ""}
        yield cast(Moved, {**_moved("episode", pk, slug, state), **said}), pk, at
    operations = Operation.objects.filter(newer).order_by("-updated_at")
    for pk, slug, state, at in operations.values_list("pk", "dataset__slug", "state", "updated_at")[:many]:
        yield _moved("operation", pk, slug, state), pk, at
    jobs = Job.objects.filter(newer).order_by("-updated_at")
    about = jobs.values_list("pk", "operation__dataset__slug", "state", "operation_id", "updated_at")
    for pk, slug, state, operation, at in about[:many]:
        yield {**_moved("job", pk, slug, state), "operation": str(operation)}, pk, at
    for pk, slug, at in Dataset.objects.filter(newer).values_list("pk", "slug", "updated_at")[:many]:
        yield _moved("dataset", slug, slug, ""), pk, at
    for row in Rig.objects.filter(newer).defer("features")[:many]:
        yield _rig_moved(row), row.pk, row.updated_at
    sessions = Session.objects.filter(Q(started_at__gt=after) | Q(ended_at__gt=after))
    sittings = sessions.values_list("pk", "dataset__slug", "rig__name", "started_at", "ended_at")
    for pk, slug, rig, began, ended in sittings[:many]:
        yield {**_moved("session", pk, slug, "ended" if ended else "running"), "rig": rig}, pk, ended or began


def _rig_moved(rig: Rig) -> Moved:
    ready = rig.readiness
    said = {"rig": rig.name, "label": ready.label, "tone": ready.tone, "reason": ready.reason}
    return cast(Moved, {**_moved("rig", rig.name, "", rig.state), **said})


def _moved(kind: Kind, pk: Any, dataset: str, state: str) -> Moved:
    return {"type": "moved", "kind": kind, "id": str(pk), "dataset": dataset, "state": state}


def just_moved() -> list[Moved] | None:
    """Return the rows that changed in the last seconds, for a page whose socket was not open yet; None if too many."""
    rows = [moved for moved, _, _ in _moved_rows(timezone.now() - OVERLAP)]
    return rows if len(rows) <= MOST_AT_ONCE else None


class ChangeFeed:
    """Polls in a thread while it has listeners; it calls them on the event loop."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._stop: threading.Event | None = None

    def add(self, listener: Listener) -> None:
        """Add a listener; the first one starts the thread. Call it on the event loop."""
        self._listeners.add(listener)
        if self._stop is None:
            self._stop = threading.Event()
            loop = asyncio.get_running_loop()
            threading.Thread(target=self._run, args=(loop, self._stop), name="watcher", daemon=True).start()

    def remove(self, listener: Listener) -> None:
        """Remove a listener; the last one stops the thread."""
        self._listeners.discard(listener)
        if not self._listeners and self._stop is not None:
            self._stop.set()
            self._stop = None

    def _tell(self, news: list[Moved] | None) -> None:
        for listener in list(self._listeners):
            listener(news)

    def _run(self, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
        changes, turn, missed = ChangePoller(), 0, False
        offline = broker_watch.offline_since()
        while not stop.wait(PERIOD_S):
            try:
                turn += 1
                if turn % _EXPIRE_EVERY == 0:
                    expire_rigs()
                    was, offline = offline, broker_watch.offline_since()
                    missed = missed or was != offline  # pages show whether the broker is online
                news = changes.look()
                # While the database was unreachable, changes may have been missed.
                news, missed = (None, False) if missed else (news, False)
            except Error as error:  # a lost connection may be an InterfaceError, which is not a DatabaseError
                log.warning("Cannot poll the database for changes: %s", error)
                connection.close()
                missed = True
                stop.wait(1.0)
                continue
            if news or news is None:
                try:
                    loop.call_soon_threadsafe(self._tell, news)
                except RuntimeError:  # the server has shut down
                    break
        connection.close()


watcher = ChangeFeed()
