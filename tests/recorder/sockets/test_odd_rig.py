"""A rig that says odd things stays heard: every field of its messages with odd values, and all that follows."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
import uuid
from typing import Any

import pytest

from tests.support.odd import each_odd

OWN_WEB = True  # it is filled with odd takes

FRONT = "observation.images.front"


def summary(take_id: str, slug: str, rig: str) -> dict[str, Any]:
    return {
        "id": take_id,
        "state": "recorded",
        "ticks": 30,
        "duration_s": 1.0,
        "task": "push",
        "dataset": slug,
        "session": "",
        "operator": "olga",
        "rig": rig,
        "fps": 30,
        "rate_hz": 30.0,
        "counters": {"dropped_ticks": 1},
        "marks": [{"code": "stale", "camera": FRONT, "from_tick": 1, "to_tick": 3, "text": "No picture"}],
        "end_reason": "stop",
        "started_at": "2026-11-01T12:00:00+00:00",
        "verdict": "unreviewed",
    }


async def page_of(web: Any, path: str) -> int:
    """The status of a page, asked for as a person's browser does."""
    request = urllib.request.Request(web.url + path, headers={"Cookie": web.cookie})

    def get() -> int:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    return await asyncio.to_thread(get)


async def listed(web: Any, take_id: str) -> dict[str, Any]:
    """Wait until the API shows the take."""
    async with asyncio.timeout(60):
        while True:
            status, episode = await web.ask("GET", f"/episodes/{take_id}")
            if status == 200:
                return dict(episode)
            assert status == 404, (status, episode)
            await asyncio.sleep(0.1)


async def test_no_odd_take_keeps_the_others_from_the_lists(web: Any, rig: Any) -> None:
    slug, sent = f"d-{uuid.uuid4().hex[:8]}", {}
    async with rig.running():
        for field, value, take in each_odd(summary("", slug, rig.name)):
            name = str(uuid.uuid4())
            sent[name] = f"{field} = {value!r}"
            said = take if field == "id" else take | {"id": name}
            await rig.say({"type": "take", "event": "saved", "take": said})
        last = str(uuid.uuid4())
        await rig.say({"type": "take", "event": "saved", "take": summary(last, slug, rig.name)})
        assert (await listed(web, last))["ticks"] == 30
        page = (await web.ask("GET", "/episodes?limit=500"))[1]["items"]
        unopened = (await web.ask("GET", "/unopened"))[1]["items"]
        named = {episode["id"] for episode in page} | {line["name"] for line in unopened}
        lost = {what for name, what in sent.items() if name not in named and not what.startswith("id =")}
        assert not lost and any("fps" in line["why"] for line in unopened)
        assert (await web.ask("GET", f"/rigs/{rig.name}"))[1]["online"] is True
        odd = next(episode for episode in page if sent.get(episode["id"]) == "marks = 5")
        assert [mark["fields"] for mark in odd["marks"]] == [["marks"]]


async def test_no_odd_status_silences_a_rig(web: Any, rig: Any) -> None:
    good = rig.status() | {
        "take": {"id": str(uuid.uuid4()), "ticks": 3, "elapsed_s": 0.1, "task": "push", "dataset": "d", "session": ""},
        "timer": {"phase": "episode", "ends_at": 1_790_000_012.3, "total_s": 20},
        "counters": {"ticks": 3, "fps": 30.0, "cameras": {FRONT: {"fps": 30.0, "dropped": 0, "state": "ok"}}},
        "warnings": [{"code": "frozen", "camera": FRONT, "text": "It repeats one picture"}],
        "message": "hello",
        "saving": 0,
    }
    async with rig.running():
        for field, _, status in each_odd(good):
            if field != "type":
                await rig.say(status)
        await rig.move("recording")
        for path in ("/rigs", f"/rigs/{rig.name}"):
            assert (await web.ask("GET", path))[0] == 200
    for page in ("/", f"/record/{rig.name}/"):
        assert await page_of(web, page) == 200


@pytest.mark.parametrize("part", ["status", "features", "takes"])
async def test_it_greets_a_rig_whose_hello_is_odd(web: Any, rig: Any, fake_rig: Any, part: str) -> None:
    hello = rig.hello() | {"takes": [{"id": str(uuid.uuid4()), "state": "recorded", "ticks": 3}]}
    inner = hello["rig"]["features"] if part == "features" else hello[part]
    for number, (field, _, odd) in enumerate(each_odd(inner, (None, 5, "x", [], [1], {"a": {}}, 10**30))):
        said = {**hello, part: odd} if part != "features" else {**hello, "rig": {**hello["rig"], "features": odd}}
        again = fake_rig(web, rig.name, pid=number + 1)
        again.hello = lambda said=said: said
        async with again.running():
            assert again.first["type"] == "welcome", (field, again.first)
            await again.is_shown("idle")
    assert await page_of(web, "/") == 200 and (await web.ask("GET", "/rigs"))[0] == 200
