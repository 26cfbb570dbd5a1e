from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from robotdata.spool import TakeWriter


def write_take(web: Any, dataset: str, rig: str, state: str = "recorded") -> str:
    """A take without cameras in the spool of the web's home."""
    take_id = str(uuid.uuid4())
    features = {"action": {"dtype": "float32", "shape": [1], "names": ["a.pos"]}}
    facts = {"rig": rig, "dataset": dataset, "task": "push", "fps": 30, "robot_type": "fake"}
    folder = Path(web.home) / "spool" / take_id
    TakeWriter(folder, facts, features, {}).finish(state)
    return take_id


def summary(take_id: str, dataset: str, state: str, **more: Any) -> dict[str, Any]:
    told = {"id": take_id, "state": state, "ticks": 30, "dataset": dataset, "task": "push", "fps": 30}
    return {**told, "session": "", "operator": "olga", "started_at": datetime.now(UTC).isoformat(), **more}


async def shown(web: Any, take_id: str, **wanted: str) -> dict[str, Any]:
    """The episode, once its row says so."""
    async with asyncio.timeout(60):
        while True:
            _, episode = await web.ask("GET", f"/episodes/{take_id}")
            if wanted.items() <= episode.items():
                return dict(episode)
            await asyncio.sleep(0.05)


async def test_it_rings_when_a_take_begins_and_ends(web: Any, rig: Any, listen: Any) -> None:
    take_id, slug = str(uuid.uuid4()), f"d-{uuid.uuid4().hex[:8]}"
    async with rig.running(), web.browser("/ws/events/") as ws:
        await asyncio.sleep(0.3)
        for event, state in (("started", "recording"), ("saved", "recorded")):
            await rig.say({"type": "take", "event": event, "take": summary(take_id, slug, state, rig=rig.name)})
            moved = await listen.words(ws, lambda m, s=state: m.get("id") == take_id and m["state"] == s)
            assert (moved["kind"], moved["dataset"], moved["rig"]) == ("episode", slug, rig.name)
    _, episode = await web.ask("GET", f"/episodes/{take_id}")
    assert (episode["state"], episode["ticks"], episode["operator"]) == ("recorded", 30, "olga")


async def test_it_rings_when_a_rig_changes_its_state_but_not_for_each_status(web: Any, rig: Any, listen: Any) -> None:
    async with web.browser("/ws/events/") as ws:
        await asyncio.sleep(0.3)
        async with rig.running():
            await listen.words(ws, lambda m: m.get("rig") == rig.name and m["state"] == "idle")
            heard = 0
            try:
                async with asyncio.timeout(2.2):
                    while True:
                        await listen.words(ws, lambda m: m.get("rig") == rig.name)
                        heard += 1
            except TimeoutError:
                assert heard <= 1
            await rig.move("recording")
            await listen.words(ws, lambda m: m.get("rig") == rig.name and m["state"] == "recording")
        await listen.words(ws, lambda m: m.get("rig") == rig.name and m["state"] == "offline")


async def test_it_names_a_dataset_that_changed(web: Any, listen: Any) -> None:
    _, dataset = await web.ask("POST", "/datasets", {"title": "Watched"})
    async with web.browser("/ws/events/") as ws:
        await asyncio.sleep(0.3)
        await web.ask("PATCH", f"/datasets/{dataset['slug']}", {"goal": 12})
        moved = await listen.words(ws, lambda m: m.get("kind") == "dataset" and m["id"] == dataset["slug"])
        assert moved["type"] == "moved"


async def test_it_tells_what_moved_while_a_page_was_on_its_way(web: Any, listen: Any) -> None:
    _, dataset = await web.ask("POST", "/datasets", {"title": "Moved before"})

    def mine(m: Any) -> bool:
        return bool(m.get("kind") == "dataset" and m["id"] == dataset["slug"])

    async with web.browser("/ws/events/") as first:
        await web.ask("PATCH", f"/datasets/{dataset['slug']}", {"goal": 12})
        await listen.words(first, mine)
        async with web.browser("/ws/events/") as second:
            assert (await listen.words(second, mine))["type"] == "moved"


def age_dataset(web: Any, slug: str, by_s: float) -> None:
    """Its row has moved last so many seconds ago."""
    moved_at = (datetime.now(UTC) - timedelta(seconds=by_s)).strftime("%Y-%m-%d %H:%M:%S.%f")
    with closing(sqlite3.connect(web.home / ".state/robotdata.sqlite3", timeout=60)) as rows, rows:
        assert rows.execute("update recorder_dataset set updated_at = ? where slug = ?", (moved_at, slug)).rowcount


async def test_it_tells_a_page_what_moved_since_it_was_drawn(web: Any, listen: Any) -> None:
    drawn_at = int(time.time())
    _, dataset = await web.ask("POST", "/datasets", {"title": "Moved long before"})
    age_dataset(web, dataset["slug"], by_s=60)
    _, later = await web.ask("POST", "/datasets", {"title": "Moved just before"})

    def named(m: Any) -> bool:
        return m.get("kind") == "dataset" and m["id"] in (dataset["slug"], later["slug"])

    async with web.browser(f"/ws/events/?since={drawn_at - 90}") as slow:
        assert {(await listen.words(slow, named))["id"] for _ in range(2)} == {dataset["slug"], later["slug"]}
    async with web.browser(f"/ws/events/?since={drawn_at}") as quick:
        assert (await listen.words(quick, named))["id"] == later["slug"]


@pytest.mark.parametrize("since", ["1000000000", "9999999999", "soon", "-1", "99999999999999999999", "%C2%B2"])
async def test_a_page_of_long_ago_is_fetched_again_and_odd_times_are_none(web: Any, listen: Any, since: str) -> None:
    async with web.browser(f"/ws/events/?since={since}") as ws:
        _, dataset = await web.ask("POST", "/datasets", {"title": f"Odd {since}"})
        moved = await listen.words(ws, lambda m: m["type"] == "refresh" or m.get("id") == dataset["slug"])
        assert (moved["type"] == "refresh") == (since == "1000000000")


async def test_it_indexes_what_lay_on_the_rigs_disk_while_the_web_was_away(web: Any, rig: Any, listen: Any) -> None:
    slug = f"d-{uuid.uuid4().hex[:8]}"
    whole, cut = write_take(web, slug, rig.name), write_take(web, slug, rig.name, "interrupted")
    rig.takes = [{"id": whole, "state": "recorded", "ticks": 0}, {"id": cut, "state": "interrupted", "ticks": 0}]
    rig.takes.append({"id": str(uuid.uuid4()), "state": "recorded", "ticks": 9})  # nobody knows anything of it
    async with rig.running():
        found: dict[str, str] = {}
        async with asyncio.timeout(60):
            while len(found) != 2:
                _, page = await web.ask("GET", f"/episodes?dataset={slug}")
                found = {episode["id"]: episode["state"] for episode in page["items"]}
                await asyncio.sleep(0.1)
        assert found == {whole: "recorded", cut: "interrupted"}


async def test_it_ends_a_take_whose_end_the_web_missed(web: Any, rig: Any, fake_rig: Any) -> None:
    take_id, slug = str(uuid.uuid4()), f"d-{uuid.uuid4().hex[:8]}"
    async with rig.running():
        take = summary(take_id, slug, "recording", rig=rig.name)
        await rig.say({"type": "take", "event": "started", "take": take})
        await shown(web, take_id, state="recording")
    again = fake_rig(web, rig.name, takes=[{"id": take_id, "state": "recorded", "ticks": 77}])
    async with again.running():
        episode = await shown(web, take_id, state="recorded")
        assert (episode["state"], episode["ticks"], episode["task"]) == ("recorded", 77, "push")


async def test_it_keeps_what_a_discarded_take_says_of_itself(web: Any, rig: Any) -> None:
    take_id, slug = str(uuid.uuid4()), f"d-{uuid.uuid4().hex[:8]}"
    async with rig.running():
        take = summary(take_id, slug, "recorded", rig=rig.name, verdict="reject", end_reason="discard")
        await rig.say({"type": "take", "event": "discarded", "take": take})
        episode = await shown(web, take_id, verdict="reject")
        assert (episode["verdict"], episode["end_reason"]) == ("reject", "discard")
