"""Poll the database for changed rows, while there are listeners, and notify them.

Polling runs in its own thread: SQLite's `data_version` counts only writes of *other* connections, and a query must not
block the event loop. The feed carries notifications, no data; listeners fetch the rows.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django.db import Error, connection
from django.db.models import Q
from django.utils import timezone

from recorder.jobs.broker_health import broker_watch
from recorder.jobs.worker_watch import worker_watch
from recorder.live.messages import Kind, Moved
from recorder.live.rigs import expire_rigs
from recorder.live.stations import expire_stations
from recorder.models import Dataset, Episode, Job, Operation, Rig, Session, Station

log = logging.getLogger(__name__)

PERIOD_S = 0.25
MAX_CHANGES = 200
# Finds rows whose transaction was committed long after their timestamp.
OVERLAP = timedelta(seconds=5)
_LONGEST_WRITE = timedelta(minutes=2)
"""A transaction that writes for longer is not waited for: each poll would read all that changed since it began."""
LONGEST_WAY = timedelta(minutes=10)
"""For so long a page may be on its way; one that is older is fetched again as a whole."""
_EXPIRE_EVERY_POLLS = 4

Listener = Callable[[list[Moved] | None], None]  # None: refresh everything


class ChangePoller:
    """Finds the rows that changed since the last poll. One per thread, because it uses that thread's connection."""

    def __init__(self) -> None:
        self._since = timezone.now()
        self._writes_since: datetime | None = None  # when the oldest transaction began whose rows were not visible yet
        self._seen: dict[tuple[Kind, Any], datetime] = {}
        self._version: int | None = None

    def poll(self) -> list[Moved] | None:
        """Return the rows that changed since the last poll, or None if there are more than MOST_AT_ONCE."""
        if not self._database_changed():
            return []
        after = self._since - OVERLAP
        if self._writes_since is not None:
            after = min(after, max(self._writes_since - OVERLAP, after - _LONGEST_WRITE))
        self._writes_since = _oldest_write()  # before the rows are read: what it commits meanwhile may be missed
        changes = [row for row in _moved_rows(after) if self._is_new(row)]
        self._seen = {key: updated_at for key, updated_at in self._seen.items() if updated_at > after}
        self._since = max(
            self._since, min(timezone.now(), max((updated_at for _, _, updated_at in changes), default=self._since))
        )
        return [moved for moved, _, _ in changes] if len(changes) <= MAX_CHANGES else None

    def _is_new(self, row: tuple[Moved, Any, datetime]) -> bool:
        moved, pk, updated_at = row
        key = (moved["kind"], pk)
        if self._seen.get(key) == updated_at:
            return False
        self._seen[key] = updated_at
        return True

    def _database_changed(self) -> bool:
        if connection.vendor != "sqlite":
            return True
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            version = int(cursor.fetchone()[0])
        before, self._version = self._version, version
        return version != before


def _oldest_write() -> datetime | None:
    """Return when the oldest transaction began that has written but not committed; None if there is none.

    An edit of thousands of episodes may take longer than OVERLAP. SQLite lets nobody else write meanwhile, so that
    no newer row hides those of that transaction.
    """
    if connection.vendor == "sqlite":
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(xact_start) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_xid IS NOT NULL"
        )
        began: datetime | None = cursor.fetchone()[0]
        return began


def _moved_rows(after: datetime) -> Iterator[tuple[Moved, Any, datetime]]:
    pk: Any
    is_newer, limit = Q(updated_at__gt=after), MAX_CHANGES + 1
    # The newest changes come first: otherwise those already reported would fill the limit at every poll.
    episodes = Episode.objects.filter(is_newer).order_by("-updated_at")
    columns = ("pk", "dataset__slug", "state", "rig__name", "verdict", "recorded_at", "updated_at")
    for pk, slug, state, rig, verdict, recorded, updated_at in episodes.values_list(*columns)[:limit]:
        fields = {"rig": rig or "", "verdict": verdict, "recorded_at": recorded.isoformat() if recorded else ""}
        yield cast(Moved, {**_moved("episode", pk, slug, state), **fields}), pk, updated_at
    operations = Operation.objects.filter(is_newer).order_by("-updated_at")
    operation_columns = ("pk", "dataset__slug", "state", "type", "updated_at")
    for pk, slug, state, type_, updated_at in operations.values_list(*operation_columns)[:limit]:
        yield {**_moved("operation", pk, slug, state), "operation_type": type_}, pk, updated_at
    jobs = Job.objects.filter(is_newer).order_by("-updated_at")
    job_rows = jobs.values_list("pk", "operation__dataset__slug", "state", "operation_id", "updated_at")
    for pk, slug, state, operation, updated_at in job_rows[:limit]:
        yield {**_moved("job", pk, slug, state), "operation": str(operation)}, pk, updated_at
    for pk, slug, updated_at in Dataset.objects.filter(is_newer).values_list("pk", "slug", "updated_at")[:limit]:
        yield _moved("dataset", slug, slug, ""), pk, updated_at
    for row in Rig.objects.filter(is_newer).defer("features")[:limit]:
        yield _rig_moved(row), row.pk, row.updated_at
    for name, online, updated_at in Station.objects.filter(is_newer).values_list("name", "online", "updated_at")[
        :limit
    ]:
        yield _moved("station", name, "", "online" if online else "offline"), name, updated_at
    session_rows = Session.objects.filter(is_newer).values_list(
        "pk", "dataset__slug", "rig__name", "ended_at", "updated_at"
    )
    for pk, slug, rig, ended_at, updated_at in session_rows[:limit]:
        yield {**_moved("session", pk, slug, "ended" if ended_at else "running"), "rig": rig}, pk, updated_at


def _rig_moved(rig: Rig) -> Moved:
    readiness = rig.readiness
    fields = {"rig": rig.name, "label": readiness.label, "tone": readiness.tone, "reason": readiness.reason}
    return cast(Moved, {**_moved("rig", rig.name, "", rig.state), **fields})


def _moved(kind: Kind, pk: Any, dataset: str, state: str) -> Moved:
    return {"type": "moved", "kind": kind, "id": str(pk), "dataset": dataset, "state": state}


def _with_workers(changes: list[Moved] | None) -> list[Moved] | None:
    """Return the changes, and the operations whose worker was lost or came back: their rows did not change."""
    lost = worker_watch.look()
    return changes if changes is None or not lost else changes + _moved_operations(lost)


def _moved_operations(pks: Collection[uuid.UUID]) -> list[Moved]:
    rows = Operation.objects.filter(pk__in=pks).values_list("pk", "dataset__slug", "state", "type")
    return [{**_moved("operation", pk, slug, state), "operation_type": type_} for pk, slug, state, type_ in rows]


def _is_work(changes: list[Moved] | None) -> bool:
    """Return whether a worker may have begun something."""
    return changes is None or any(moved["kind"] in ("job", "operation") for moved in changes)


def moved_since(drawn_at: int | None) -> list[Moved] | None:
    """Return the rows that changed while a page was on its way, whose socket was not open yet.

    The page was drawn at `drawn_at` (Unix seconds), or a moment ago where that is not known. None: too many rows, or
    drawn too long ago.
    """
    now = timezone.now()
    drawn = now if drawn_at is None else min(now, datetime.fromtimestamp(drawn_at, UTC))
    if now - drawn > LONGEST_WAY:
        return None
    rows = [moved for moved, _, _ in _moved_rows(drawn - OVERLAP)]
    return rows if len(rows) <= MAX_CHANGES else None


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

    def _notify(self, changes: list[Moved] | None) -> None:
        for listener in list(self._listeners):
            listener(changes)

    def _run(self, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
        poller, polls, missed, look = ChangePoller(), 0, False, True
        worker_watch.forget()
        offline = broker_watch.offline_since()
        while not stop.wait(PERIOD_S):
            try:
                polls += 1
                if polls % _EXPIRE_EVERY_POLLS == 0:
                    expire_rigs()
                    expire_stations()
                    offline_before, offline = offline, broker_watch.offline_since()
                    missed = missed or offline_before != offline  # pages show whether the broker is online
                changes = poller.poll()
                # While the database was unreachable, changes may have been missed.
                changes, missed = (None, False) if missed else (changes, False)
                look = look or _is_work(changes) or not worker_watch.is_idle
                if look:
                    changes, look = _with_workers(changes), False
            except Error as error:  # a lost connection may be an InterfaceError, which is not a DatabaseError
                log.warning("Cannot poll the database for changes: %s", error)
                connection.close()
                missed = True
                stop.wait(1.0)
                continue
            if changes or changes is None:
                try:
                    loop.call_soon_threadsafe(self._notify, changes)
                except RuntimeError:  # the server has shut down
                    break
        connection.close()


watcher = ChangeFeed()
