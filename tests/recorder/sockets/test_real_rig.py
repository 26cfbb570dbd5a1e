"""The real rig process, simulated robot and all, under the web's hands."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import programs

OWN_WEB = True  # one test kills it

ROOT = Path(__file__).resolve().parents[3]
SMALL = """
[rig]
name = "real"
fps = 20
[robot]
kind = "sim"
[teleoperator]
kind = "autopilot"
[cameras.front]
kind = "sim"
width = 64
height = 48
fps = 20
"""
FRONT = "observation.images.front"


class RealRig:
    def __init__(self, web: Any, folder: Path) -> None:
        self.web = web
        self.file = folder / "real.toml"
        self.file.write_text(SMALL)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "robotdata.rig", str(self.file), "--spool", str(self.web.home / "spool")]
        command += ["--url", f"ws://127.0.0.1:{self.web.port}/ws/rig/"]
        env = {**os.environ, "ROBOTDATA_RIG_TOKEN": "a-rig-token"}
        self.process = programs.Popen(command, cwd=ROOT, env=env)

    def end(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None


@pytest.fixture(scope="module")
def real(web: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRig]:
    rig = RealRig(web, tmp_path_factory.mktemp("rig"))
    rig.start()
    yield rig
    rig.end()


async def state_of(web: Any, want: str, within_s: float = 60) -> dict[str, Any]:
    """Wait until the rig says that it is in this state."""
    shown: Any = None
    async with asyncio.timeout(within_s):
        while True:
            status, shown = await web.ask("GET", "/rigs/real")
            if status == 200 and shown["state"] == want:
                return dict(shown)
            await asyncio.sleep(0.05)


async def ticks_of(web: Any, least: int, within_s: float = 60) -> None:
    """Wait until the rig says that its take has so many frames."""
    async with asyncio.timeout(within_s):
        while True:
            take = (await web.ask("GET", "/rigs/real"))[1]["status"].get("take")
            if take and take["ticks"] >= least:
                return
            await asyncio.sleep(0.05)


async def episode_in(web: Any, take: str, states: set[str], within_s: float = 60) -> dict[str, Any]:
    async with asyncio.timeout(within_s):
        while True:
            status, episode = await web.ask("GET", f"/episodes/{take}")
            if status == 200 and episode["state"] in states:
                return dict(episode)
            await asyncio.sleep(0.05)


async def record(web: Any, slug: str, **more: Any) -> str:
    take = str(uuid.uuid4())
    body = {"dataset": slug, "task": "push the cube", "countdown_s": 0, "take": take, **more}
    status, reply = await web.ask("POST", "/rigs/real/record", body)
    assert status == 200, reply
    return take


async def test_it_records_a_take_that_then_stands_in_the_list(real: RealRig, web: Any, listen: Any) -> None:
    await state_of(web, "idle")
    _, dataset = await web.ask("POST", "/datasets", {"title": "Real"})
    async with web.browser("/ws/live/real/") as ws:
        await ws.send('{"type": "watch", "cameras": {"observation.images.front": 20}}')
        take = await record(web, dataset["slug"])
        await listen.words(ws, lambda m: m.get("state") == "recording" and m["take"]["id"] == take)
        pictures = await listen.pictures(ws, 5)
        assert all(picture[16:18] == b"\xff\xd8" for picture in pictures)
        await listen.words(ws, lambda m: m["type"] == "telemetry" and m["rows"])
    assert (await episode_in(web, take, {"recording"}))["operator"] == "olga"
    await ticks_of(web, 5)  # of the pictures, some came before its first tick
    assert (await web.ask("POST", "/rigs/real/commands/stop", {}))[0] == 200
    episode = await episode_in(web, take, {"recorded"})
    assert episode["ticks"] >= 5 and episode["size_bytes"] > 0 and episode["dataset"] == "real"
    _, pinned = await web.ask("GET", f"/datasets/{dataset['slug']}")
    assert pinned["fps"] == 20 and FRONT in pinned["features"] and pinned["to_review"] == 1


async def test_it_refuses_a_rig_that_does_not_fit_the_dataset(real: RealRig, web: Any) -> None:
    await state_of(web, "idle")
    _, page = await web.ask("GET", "/datasets")
    assert [dataset["slug"] for dataset in page["items"]] == ["real"]
    take = await record(web, "real")
    assert (await web.ask("POST", "/rigs/real/commands/stop", {}))[0] == 200
    await episode_in(web, take, {"recorded"})
    real.end()
    await state_of(web, "offline")
    real.file.write_text(SMALL.replace("fps = 20", "fps = 10"))
    real.start()
    await state_of(web, "idle")
    status, answer = await web.ask("POST", "/rigs/real/record", {"dataset": "real", "task": "push", "countdown_s": 0})
    assert (status, answer["error"]["code"]) == (409, "mismatch")
    assert answer["error"]["detail"]["differences"]
    real.end()
    await state_of(web, "offline")
    real.file.write_text(SMALL)
    real.start()


async def test_it_offers_what_is_left_where_the_rig_was_killed_in_a_take(real: RealRig, web: Any) -> None:
    await state_of(web, "idle")
    take = await record(web, "real")
    await state_of(web, "recording")
    await ticks_of(web, 1)
    await asyncio.sleep(1.5)  # until it has written them
    real.end(signal.SIGKILL)
    assert (await state_of(web, "offline"))["controls"] == []
    real.start()
    episode = await episode_in(web, take, {"interrupted", "recorded"})
    assert episode["state"] == "interrupted" and episode["ticks"] > 0


async def test_the_end_of_a_session_stops_and_keeps_the_take_if_asked(real: RealRig, web: Any) -> None:
    await state_of(web, "idle")
    take = await record(web, "real")
    session = (await state_of(web, "recording"))["status"]["take"]["session"]
    await ticks_of(web, 1)  # a take that ends before its first frame is rejected
    assert (await web.ask("POST", f"/sessions/{session}/end", {}))[0] == 409
    status, answer = await web.ask("POST", f"/sessions/{session}/end", {"stop": True})
    assert status == 200 and answer["session"]["ended_at"]
    assert (await episode_in(web, take, {"recorded"}))["verdict"] == "unreviewed"
    status, answer = await web.ask("POST", "/rigs/real/commands/rerecord", {"args": {"take": take}})
    assert (status, answer["error"]["code"]) == (409, "not_allowed"), "the next take would belong to no session"


async def test_it_goes_on_recording_while_the_web_is_away(real: RealRig, web: Any) -> None:
    await state_of(web, "idle")
    take = await record(web, "real")
    await state_of(web, "recording")
    remark = {"outcome": "failure", "note": "slips"}
    assert await web.ask("PATCH", f"/rigs/real/takes/{take}", remark) == (200, {"durable": False})
    web.stop(signal.SIGKILL)
    await asyncio.sleep(1)
    web.start()
    assert (await state_of(web, "recording"))["status"]["take"]["id"] == take
    await ticks_of(web, 21)
    async with asyncio.timeout(60):  # while it looks for the new web
        while (await web.ask("POST", "/rigs/real/commands/discard", {}))[0] != 200:
            await asyncio.sleep(0.2)
    episode = await episode_in(web, take, {"recorded"})
    assert episode["verdict"] == "reject" and episode["ticks"] > 20
    assert (episode["labels"], episode["note"]) == (["failure"], "slips")
    assert await web.ask("PATCH", f"/rigs/real/takes/{take}", {"outcome": "success"}) == (200, {"durable": True})
    _, episode = await web.ask("GET", f"/episodes/{take}")
    assert (episode["labels"], episode["note"]) == (["success"], "slips")
    assert (await web.ask("PATCH", f"/rigs/real/takes/{uuid.uuid4()}", remark))[0] == 404
