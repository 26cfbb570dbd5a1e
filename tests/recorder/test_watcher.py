from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from recorder.live import consumers
from recorder.live.change_feed import MAX_CHANGES, ChangeFeed, ChangePoller
from recorder.live.consumers import EventsConsumer
from recorder.live.messages import Moved
from recorder.models import Dataset, Episode, Rig

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def look() -> Iterator[Callable[[], Any]]:
    """Looks from a thread, and so a database connection, of its own, as the watcher does."""
    with ThreadPoolExecutor(1) as pool:
        changes = pool.submit(ChangePoller).result()
        pool.submit(changes.poll).result()
        yield lambda: pool.submit(changes.poll).result()
        pool.submit(lambda: connection.close()).result()


@pytest.fixture
def dataset() -> Dataset:
    return Dataset.objects.create(slug="pushing", title="Pushing")


def test_it_says_nothing_while_nothing_moves(dataset: Dataset, look: Callable[[], Any]) -> None:
    look()
    assert look() == []


def test_it_names_what_moved_once(dataset: Dataset, look: Callable[[], Any]) -> None:
    look()
    episode = Episode.objects.create(dataset=dataset, task="push", state="recorded")
    (moved,) = look()
    assert moved == {
        "type": "moved",
        "kind": "episode",
        "id": str(episode.pk),
        "dataset": "pushing",
        "state": "recorded",
        "rig": "",
        "verdict": "unreviewed",
        "recorded_at": episode.recorded_at.isoformat() if episode.recorded_at else "",
    }
    Rig.objects.create(name="sim")
    assert [row["kind"] for row in look()] == ["rig"]


def test_it_finds_a_row_that_became_visible_late(dataset: Dataset, look: Callable[[], Any]) -> None:
    Rig.objects.create(name="sim")
    look()
    stamped = timezone.now() - timedelta(seconds=3)
    Episode.objects.create(dataset=dataset, task="push", updated_at=stamped)
    assert [row["kind"] for row in look()] == ["episode"]


def test_it_is_not_blinded_by_a_clock_that_runs_ahead(dataset: Dataset, look: Callable[[], Any]) -> None:
    Rig.objects.create(name="ahead", updated_at=timezone.now() + timedelta(hours=1))
    look()
    Episode.objects.create(dataset=dataset, task="push")
    assert [row["kind"] for row in look()] == ["episode"]


def test_it_asks_for_a_refresh_where_too_much_moved(dataset: Dataset, look: Callable[[], Any]) -> None:
    look()
    Episode.objects.bulk_create(Episode(dataset=dataset, task="push") for _ in range(MAX_CHANGES + 1))
    assert look() is None
    assert look() == []


def test_it_hears_the_next_move_after_a_crowd_has_moved_in_portions(dataset: Dataset, look: Callable[[], Any]) -> None:
    look()
    rows = Episode.objects.bulk_create(Episode(dataset=dataset, task="push") for _ in range(MAX_CHANGES * 2))
    look()
    crowd = [row.pk for row in rows]
    for first in range(0, len(crowd), 50):
        Episode.objects.filter(pk__in=crowd[first : first + 50]).update(updated_at=timezone.now())
        assert len(look()) == 50
    for pk in (crowd[0], crowd[-1], crowd[len(crowd) // 2]):
        Episode.objects.filter(pk=pk).update(updated_at=timezone.now())
        assert [row["id"] for row in look()] == [str(pk)]


def test_it_runs_only_while_somebody_listens() -> None:
    async def listen() -> list[bool]:
        watcher = ChangeFeed()

        def heard(_news: Any) -> None:
            return

        watcher.add(heard)
        alive = [thread for thread in threading.enumerate() if thread.name == "watcher"]
        watcher.remove(heard)
        for thread in alive:
            thread.join(5)
        return [bool(alive), *(thread.is_alive() for thread in alive)]

    assert asyncio.run(listen()) == [True, False]


def test_what_moved_before_a_page_listened_does_not_hide_what_moved_since(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows were read before a rig moved, and came after the feed had told of it."""
    said: list[tuple[str, str]] = []

    def rig(state: str) -> Moved:
        return {"type": "moved", "kind": "rig", "id": "cell", "dataset": "", "state": state}

    async def open_page() -> None:
        page = EventsConsumer()
        page.scope = {"query_string": b""}

        async def say(message: dict[str, Any]) -> None:
            said.append((message["type"], message.get("state", "")))

        async def read_before(*_: Any, **__: Any) -> list[Moved]:
            page.moved([rig("recording")])
            for _turn in range(9):  # of the loop, in which it may be sent at once
                await asyncio.sleep(0)
            return [rig("idle")]

        monkeypatch.setattr(page, "say", say)
        monkeypatch.setattr(consumers, "in_database", read_before)
        await page.opened()
        async with asyncio.timeout(30):
            while not said or page.wake.is_set():
                await asyncio.sleep(0)
        await page.disconnect(1000)

    asyncio.run(open_page())
    assert said[-1] == ("moved", "recording")
