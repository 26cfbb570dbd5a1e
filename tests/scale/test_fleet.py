from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import time
import uuid
from pathlib import Path
from typing import Any

from robotdata.dataset.verify.check import verify_dataset
from tests.recorder.conftest import FRONT, write_take
from tests.scale.conftest import Fleet
from tests.support.servers import Postgres

H264 = {"codec": "h264", "crf": 23, "g": 2, "preset": "ultrafast"}
KEEP = {"verdict": "keep", "labels": ["rate accepted"]}  # of a machine so busy that the loop is late
SLOW = {"codec": "h264", "crf": 18, "g": 2, "preset": "placebo"}


def record(fleet: Fleet, slug: str, ticks: int = 8) -> str:
    """A take, asked for at the process that has no rig."""
    take, web = str(uuid.uuid4()), fleet.webs[1]
    fleet.until("/rigs/bench", lambda rig: "record" in rig["status"]["controls"])
    body = {"dataset": slug, "task": "push 🤖", "countdown_s": 0, "take": take}
    status, answer = web.api("POST", "/rigs/bench/record", body)
    assert status == 200, answer
    fleet.until("/rigs/bench", lambda rig: ((rig["status"].get("take") or {}).get("ticks") or 0) >= ticks)
    status, answer = web.api("POST", "/rigs/bench/commands/stop", {})
    assert status == 200, answer
    episode = fleet.until(f"/episodes/{take}", lambda episode: episode["state"] == "recorded")
    assert episode["ticks"] >= ticks
    return take


def new_dataset(fleet: Fleet, title: str, encoding: dict[str, Any]) -> str:
    status, dataset = fleet.webs[1].api("POST", "/datasets", {"title": title, "encoding": encoding})
    assert status in {200, 201}, dataset
    return str(dataset["slug"])


def start_encoding(fleet: Fleet, slug: str) -> str:
    status, operation = fleet.webs[1].api("POST", f"/datasets/{slug}/encode", {})
    assert status == 202, operation
    return str(operation["id"])


async def hear(ws: Any, heard: set[tuple[str, str, str]]) -> None:
    async for text in ws:
        news = json.loads(text)
        heard.add((news.get("kind", ""), news.get("id", ""), news.get("state", "")))


async def test_it_records_and_encodes_where_the_page_and_the_rig_are_on_two_processes(
    fleet: Fleet, listen: Any
) -> None:
    first, second = fleet.webs
    slug = new_dataset(fleet, "Scaled ✨", H264)
    at_first: set[tuple[str, str, str]] = set()
    at_second: set[tuple[str, str, str]] = set()
    async with first.browser("/ws/events/") as one, second.browser("/ws/events/") as other:
        hearing = [asyncio.create_task(hear(one, at_first)), asyncio.create_task(hear(other, at_second))]
        kept, rejected = [await asyncio.to_thread(record, fleet, slug) for _ in range(2)]
        for pk, verdict in ((kept, KEEP), (rejected, {"verdict": "reject"})):
            status, answer = await second.ask("PATCH", f"/episodes/{pk}", verdict)
            assert status == 200, answer
        operation = await asyncio.to_thread(start_encoding, fleet, slug)
        await asyncio.to_thread(fleet.until, f"/operations/{operation}", lambda shown: shown["state"] == "done")
        want = {("episode", kept, "recorded"), ("episode", kept, "encoded"), ("operation", operation, "done")}
        async with asyncio.timeout(60):
            while not (want <= at_first and want <= at_second):
                await asyncio.sleep(0.1)
        for task in hearing:
            task.cancel()
        await asyncio.gather(*hearing, return_exceptions=True)
    dataset = fleet.until(f"/datasets/{slug}", lambda shown: shown["committed"] == 1)
    assert (dataset["total_episodes"], dataset["reject"], dataset["problem"]) == (1, 1, "")
    episode = fleet.until(f"/episodes/{kept}", lambda shown: shown["state"] == "encoded")
    assert 0 < dataset["total_frames"] <= episode["ticks"]
    report = verify_dataset(fleet.place.home / "datasets" / slug, deep=True)
    assert (report.count, report.episodes, report.frames) == (0, 1, dataset["total_frames"]), report.problems
    spool = fleet.place.home / "spool"
    await listen.until(lambda: not (spool / kept).exists())  # a moment after the commit
    assert (spool / rejected).is_dir()


async def test_it_shows_the_rig_live_on_the_other_process(fleet: Fleet, listen: Any) -> None:
    async with fleet.webs[1].browser("/ws/live/bench/") as ws:
        await ws.send(json.dumps({"type": "watch", "cameras": {FRONT: 15}}))
        pictures = await listen.pictures(ws, 5)
        assert all(picture[16:18] == b"\xff\xd8" for picture in pictures)
        await listen.words(ws, lambda m: m["type"] == "status" and m["online"] and m["state"] == "idle")
        await listen.words(ws, lambda m: m["type"] == "telemetry" and m["rows"])


def put_take(fleet: Fleet, number: int, ticks: int) -> str:
    """A long take beside the others: one camera whose frames say which they are."""
    pk = str(uuid.uuid4())
    part = Path(fleet.place.home) / "written" / pk
    part.parent.mkdir(exist_ok=True)
    write_take(part, number=number, ticks=ticks, cameras=(FRONT,))
    shutil.move(part, fleet.place.home / "spool" / pk)
    return pk


def keep(fleet: Fleet, pk: str) -> None:
    status, answer = fleet.webs[1].api("PATCH", f"/episodes/{pk}", KEEP)
    assert status == 200, answer


def test_it_goes_on_where_the_worker_is_killed_and_redis_forgets_everything(fleet: Fleet) -> None:
    slow, other = new_dataset(fleet, "Cubes", SLOW), new_dataset(fleet, "Without Redis", H264)
    takes = [put_take(fleet, number, ticks) for number, ticks in enumerate((400, 9), 1)]
    recorded = record(fleet, other)
    assert "2 new to the database" in fleet.place.python("manage.py", "recover")
    for pk in (*takes, recorded):
        keep(fleet, pk)
    killed = start_encoding(fleet, slow)
    fleet.until(f"/operations/{killed}", lambda shown: shown["frames_done"] > 0)
    fleet.kill("worker")
    fleet.redis.kill()
    began = time.monotonic()
    asked = start_encoding(fleet, other)
    status, answer = fleet.webs[1].api("POST", "/rigs/bench/commands/stop", {})
    assert (status, answer["error"]["code"]) == (503, "no_layer")
    assert time.monotonic() - began < 10, "nobody waits for a broker that is away"
    fleet.redis.start()
    fleet.start_worker()
    for operation in (killed, asked):
        fleet.until(f"/operations/{operation}", lambda shown: shown["state"] == "done")
    jobs = fleet.until(f"/operations/{killed}", lambda shown: True)["jobs"]
    assert [job["frames_done"] for job in jobs] == [400, 9]
    for slug, episodes in ((slow, 2), (other, 1)):
        report = verify_dataset(fleet.place.home / "datasets" / slug, deep=True)
        assert (report.count, report.episodes) == (0, episodes), report.problems
    end = time.monotonic() + 60  # a moment after the commit
    while (fleet.place.home / "spool" / takes[0]).exists():
        assert time.monotonic() < end, "its raw frames are kept"
        time.sleep(0.1)


async def test_it_goes_on_where_redis_and_postgresql_are_restarted(
    fleet: Fleet, postgres: Postgres, listen: Any
) -> None:
    async with fleet.webs[1].browser("/ws/live/bench/") as ws:
        await ws.send(json.dumps({"type": "watch", "cameras": {FRONT: 15}}))
        await listen.pictures(ws, 3)
        await asyncio.to_thread(fleet.redis.kill)
        await asyncio.to_thread(postgres.stop)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.5):
                while True:
                    await ws.recv()
        await asyncio.to_thread(postgres.start)
        await asyncio.to_thread(fleet.redis.start)
        await listen.words(ws, lambda m: m["type"] == "status" and m["online"])
        await listen.pictures(ws, 5)
    await asyncio.to_thread(record_and_encode, fleet)


def record_and_encode(fleet: Fleet) -> None:
    """With the processes that are there."""
    slug = new_dataset(fleet, "Afterwards", H264)
    keep(fleet, record(fleet, slug))
    operation = start_encoding(fleet, slug)
    fleet.until(f"/operations/{operation}", lambda shown: shown["state"] == "done")
