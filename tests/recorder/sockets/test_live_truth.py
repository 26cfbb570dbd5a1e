"""What the record page says is so: of a rig that is away, of a connection that is, of cameras and refusals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
import uuid
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Page, async_playwright, expect

from tests.recorder.sockets.conftest import FRONT, WRIST, FakeRig, Web
from tests.support.browser import FLAGS
from tests.support.chromium import chromium_path

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)


def jpeg(grey: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 48), (grey, grey, grey)).save(file, "JPEG")
    return file.getvalue()


class SeenRig(FakeRig):
    """A rig whose cameras give pictures where somebody looks, and whose status a test may change."""

    def __init__(self, web: Web, name: str) -> None:
        super().__init__(web, name)
        self.more: dict[str, Any] = {}
        self.late_s = dict.fromkeys((FRONT, WRIST), 0.0)
        self.grey: int | None = None
        self.cameras = dict.fromkeys((FRONT, WRIST), {"fps": 20.0, "dropped": 0, "age_s": 0.02, "state": "ok"})

    def hello(self) -> dict[str, Any]:
        hello = super().hello()
        hello["rig"] |= {"host": "bench-2", "started_as": "cd /lab && python -m robotdata.rig /lab/so101.toml"}
        return hello

    def status(self) -> dict[str, Any]:
        counters = {"ticks": 1, "late_ticks": 0, "dropped_ticks": 0, "fps": 20.0, "jitter_p99_ms": 0.1}
        return {**super().status(), "counters": {**counters, "cameras": self.cameras}, **self.more}

    async def change(self, **more: Any) -> None:
        self.more.update(more)
        await self.say(self.status())

    async def show(self) -> None:
        seq = 0
        while True:
            for place, key in enumerate((FRONT, WRIST)):
                if self.watched.get(key) and self.cameras[key]["state"] == "ok":
                    await self.picture(place, seq, jpeg(self.grey or 40 + seq % 150), self.late_s[key])
            seq += 1
            await asyncio.sleep(0.05)

    async def move_joints(self) -> None:
        names = {"state": ["a.pos"], "action": ["a.pos"]}
        while True:
            now = time.time()
            await self.say({"type": "telemetry", "t": now, "names": names, "rows": [[now, [now % 7], [now % 5]]]})
            await asyncio.sleep(0.1)

    @contextlib.asynccontextmanager
    async def showing(self) -> AsyncIterator[SeenRig]:
        async with self.running():
            pictures = asyncio.create_task(self.show())
            try:
                yield self
            finally:
                pictures.cancel()
                await asyncio.gather(pictures, return_exceptions=True)


@pytest.fixture
def rig(web: Web) -> SeenRig:
    return SeenRig(web, f"rig-{uuid.uuid4().hex[:8]}")


@pytest.fixture
async def page(web: Web) -> AsyncIterator[Page]:
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium on this machine")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        context = await browser.new_context(base_url=web.url, viewport={"width": 1440, "height": 900})
        name, _, value = web.cookie.partition("=")
        await context.add_cookies([{"name": name, "value": value, "url": web.url}])
        page = await context.new_page()
        page.set_default_timeout(60_000)
        yield page
        await browser.close()


class Pongs:
    """Counts the answers to the page's pings."""

    def __init__(self, page: Page) -> None:
        self.count = 0
        page.on("websocket", lambda socket: socket.on("framereceived", self.heard))

    def heard(self, data: str | bytes) -> None:
        if isinstance(data, str) and json.loads(data)["type"] == "pong":
            self.count += 1

    async def wait_for(self, more: int) -> None:
        """Wait until so many more have come."""
        enough = self.count + more
        async with asyncio.timeout(60):
            while self.count < enough:
                await asyncio.sleep(0.05)


async def test_a_rig_that_dies_while_it_records_is_offline_and_the_connection_is_not_lost(
    page: Page, rig: SeenRig
) -> None:
    async with rig.showing():
        pongs = Pongs(page)
        await page.goto(f"/record/{rig.name}/")
        await expect(page.locator("#state")).to_have_text("ready")
        await expect(page.locator("#offline")).to_be_hidden()
        take = {"id": str(uuid.uuid4()), "ticks": 60, "elapsed_s": 3.0, "task": "push", "dataset": "d", "session": "s"}
        rig.state = "recording"
        await rig.change(take=take)
        await expect(page.locator("#state")).to_have_text("recording")
    await expect(page.locator("#state")).to_have_text("offline")
    for answers in (0, 6):  # it asks once a second, and would call the connection lost after five without an answer
        await pongs.wait_for(answers)
        await expect(page.locator("#offline")).to_contain_text(re.compile(r"offline since \d\d:\d\d"))
        await expect(page.locator("#offline-take")).to_be_visible()
        await expect(page.locator("#lost")).to_be_hidden()
        await expect(page.locator("#stage .camera .health").first).to_contain_text("Rig offline")
        await expect(page.locator("#big")).to_be_disabled()
    command = await page.locator("#start-command").text_content()
    assert command.startswith("cd /lab && python -m robotdata.rig /lab/so101.toml --url ws://127.0.0.1:")
    assert "--token-file" in command
    await expect(page.locator("#offline")).to_contain_text("bench-2")
    await page.reload()
    await expect(page.locator("#offline-take")).to_be_visible()
    rig.state, rig.more = "idle", {}
    async with rig.showing():
        await expect(page.locator("#offline")).to_be_hidden()
        await expect(page.locator("#state")).to_have_text("ready")


async def test_the_connection_is_lost_where_the_web_does_not_answer(page: Page, rig: SeenRig, web: Web) -> None:
    async with rig.showing():
        await page.goto(f"/record/{rig.name}/")
        await expect(page.locator("#state")).to_have_text("ready")
        rig.state = "recording"
        await rig.change(take={"id": str(uuid.uuid4()), "ticks": 60, "elapsed_s": 3.0})
        await expect(page.locator("#timer-words")).to_have_text("recording")
        await page.route("**/commands/*", lambda route: route.abort())
        await expect(page.locator("#big")).not_to_have_attribute("data-held", "")  # somebody else began the take
        await page.locator("#big").click()
        await expect(page.locator("#refusal")).to_be_visible()
        web.stop_answering()
        try:
            await expect(page.locator("#lost")).to_be_visible()
            await expect(page.locator("#state")).to_have_text("no connection")
            await expect(page.locator("#timer-words")).not_to_have_text("recording")
            await expect(page.locator("#big")).to_be_disabled()
            await expect(page.locator("#stage .camera .health").first).to_contain_text("Connection lost")
            await expect(page.locator("#refusal")).to_be_visible()
        finally:
            web.answer_again()
        await expect(page.locator("#lost")).to_be_hidden()
        await expect(page.locator("#refusal")).to_be_hidden()
    rig.state, rig.more = "idle", {}
    async with rig.showing():
        await expect(page.locator("#lost")).to_be_hidden()
        await expect(page.locator("#state")).to_have_text("ready")


LOST = {"fps": 0.0, "dropped": 0, "age_s": None, "state": "lost"}
WHY = "Camera wrist is gone (v4l2:/dev/video7 cannot be opened: No such file or directory)"


async def test_a_rig_that_cannot_record_says_so_with_the_reason(page: Page, rig: SeenRig) -> None:
    rig.name = f"a-{rig.name}"  # the bar has room for the first three rigs, by name
    rig.cameras = {**rig.cameras, WRIST: LOST}
    rig.more = {"warnings": [{"code": "lost", "camera": WRIST, "text": WHY}]}
    async with rig.showing():
        await page.goto(f"/record/{rig.name}/")
        await expect(page.locator("#state")).to_have_text("1 camera missing")
        await expect(page.locator("#state")).to_have_class("chip tone-warn")
        await expect(page.locator("#big")).to_be_disabled()
        await expect(page.locator("#blockers")).to_contain_text("/dev/video7")
        await expect(page.locator("#stage .camera").nth(1).locator(".health")).to_contain_text("/dev/video7")
        await expect(page.locator("#stage .camera").nth(0).locator(".health")).to_be_hidden()
        await page.keyboard.press("Space")
        assert not rig.commands
        await page.goto("/")
        tile = page.locator(f".tile[href='/record/{rig.name}/']")
        await expect(tile).to_contain_text("/dev/video7")
        chip = page.locator(f"[data-rig-chip='{rig.name}']")
        await expect(chip).to_have_class("chip tone-warn")
        status, shown = await rig.web.ask("GET", f"/rigs/{rig.name}")
        assert (status, shown["can_record"]) == (200, False)
        assert [blocker["camera"] for blocker in shown["blockers"]] == [WRIST]
        rig.cameras = {**rig.cameras, WRIST: rig.cameras[FRONT]}
        await rig.change(warnings=[])
        await expect(chip).to_have_class("chip tone-good")
        await expect(tile).not_to_contain_text("/dev/video7")


async def test_a_refusal_leaves_with_its_cause(page: Page, rig: SeenRig) -> None:
    refusal = page.locator("#refusal")
    missing = {"code": "camera_missing", "message": "camera front is not available"}
    async with rig.showing():
        await page.goto(f"/record/{rig.name}/")
        await expect(page.locator("#state")).to_have_text("ready")
        await page.select_option("#dataset", "")
        await page.fill("[name=title]", "")
        await page.fill("[name=task]", "")
        await page.locator("#big").click()
        await expect(refusal).to_be_visible()
        await page.keyboard.type("Cups")
        await expect(refusal).to_be_hidden()
        await page.fill("[name=task]", "push the cube")
        await page.fill("[name=countdown_s]", "0")
        rig.answer = lambda command: {"ok": False, "error": missing}
        await page.locator("#big").click()
        await expect(page.locator("#refusal-words")).to_contain_text("not available")
        rig.cameras = {**rig.cameras, FRONT: LOST}
        await rig.change()
        await expect(page.locator("#blockers")).to_be_visible()
        rig.cameras = {**rig.cameras, FRONT: rig.cameras[WRIST]}
        await rig.change()
        await expect(refusal).to_be_hidden()
        await expect(page.locator("#big")).to_be_enabled()
        rig.answer = lambda command: {"ok": False, "error": {"code": "busy", "message": "wait a moment"}}
        await page.locator("#big").click()
        await expect(page.locator("#refusal-words")).to_contain_text("wait a moment")
        rig.state = "resetting"
        await rig.change()
        await expect(refusal).to_be_hidden()


GREY = "canvas => canvas.getContext('2d').getImageData(0, 0, 1, 1).data[0]"


async def until_grey(page: Page, camera: int, wanted: int) -> None:
    """Wait until this camera's tile shows a picture of this grey."""
    canvas = page.locator("#stage .camera canvas").nth(camera)
    async with asyncio.timeout(60):
        while abs(await canvas.evaluate(GREY) - wanted) > 3:
            await asyncio.sleep(0.1)


async def test_nothing_older_than_a_second_is_shown_as_live(page: Page, rig: SeenRig) -> None:
    rig.grey = 90
    async with rig.showing():
        await page.goto(f"/record/{rig.name}/")
        for camera in (0, 1):
            await until_grey(page, camera, 90)
        tiles = page.locator("#stage .camera")
        await expect(tiles.nth(0).locator(".name")).to_contain_text(re.compile(r"20 fps · \d+ ms old"))
        rig.late_s[FRONT], rig.grey = 17.4, 200
        await until_grey(page, 1, 200)
        await expect(tiles.nth(0).locator(".health")).to_contain_text("delayed")
        await expect(tiles.nth(0)).to_have_class(re.compile("is-old"))
        assert abs(await tiles.nth(0).locator("canvas").evaluate(GREY) - 90) <= 3, "a picture of the past was drawn"
        await expect(tiles.nth(1).locator(".health")).to_be_hidden()
        rig.late_s[FRONT] = 0.0
        await until_grey(page, 0, 200)
        await expect(tiles.nth(0).locator(".health")).to_be_hidden()


async def test_lines_that_have_stopped_are_not_drawn_as_live(page: Page, rig: SeenRig) -> None:
    state, action = (page.locator(f"figure:has([data-plot={name}])") for name in ("state", "action"))
    async with rig.showing():
        await page.goto(f"/record/{rig.name}/")
        await expect(page.locator("#state")).to_have_text("ready")
        moving = asyncio.create_task(rig.move_joints())
        await expect(state.locator(".legend")).to_have_text("a")
        for plot in (state, action):
            await expect(plot).not_to_have_class("is-old")
        moving.cancel()
        for plot in (state, action):
            await expect(plot).to_have_class("is-old")
        moving = asyncio.create_task(rig.move_joints())
        await expect(state).not_to_have_class("is-old")
        moving.cancel()
    await expect(state).to_have_class("is-old")


async def test_a_camera_that_gives_a_tenth_of_its_rate_says_so(page: Page, rig: SeenRig) -> None:
    tile = page.locator("#stage .camera").nth(1)
    async with rig.showing():
        await page.goto(f"/record/{rig.name}/")
        await expect(page.locator("#state")).to_have_text("ready")
        await expect(tile.locator(".name")).to_contain_text("ms old")  # a picture has come: it has an age
        rig.cameras = {**rig.cameras, WRIST: {"fps": 2.0, "dropped": 0, "age_s": 0.2, "state": "stale"}}
        await expect(tile.locator(".health")).to_contain_text("2 of 30 fps")
        await expect(tile.locator(".name")).to_contain_text("2 fps")
        rig.cameras = {**rig.cameras, WRIST: rig.cameras[FRONT]}
        await expect(tile.locator(".health")).to_be_hidden()
