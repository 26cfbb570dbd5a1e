"""A person at the real product: its processes, the pages she opens, and what their pictures say."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Request, ViewportSize, sync_playwright

from robotdata.video.barcode import Barcode, read
from tests.support import programs
from tests.support.browser_api import Api
from tests.support.chromium import chromium_path
from tests.support.leaving import close_context, close_page
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    # Pages of one person share a process: none is started for each, and none reads and compiles the scripts again.
    "--process-per-site",
    "--autoplay-policy=no-user-gesture-required",
    # A camera of its own, a test picture that moves, which pages may use without a question.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


SIZE = ViewportSize(width=1440, height=900)
MEDIA = {"color_scheme", "reduced_motion"}
"""What a page can be told without a window of its own."""

CAMERAS = ("front", "top", "wrist")


FPS = 10  # each second of a page that shows a rig costs what its pictures cost
_RIG = f"""
[rig]
name = "bench-1"
fps = {FPS}
[robot]
kind = "sim"
[teleoperator]
kind = "autopilot"
"""


def rig_file(cameras: dict[str, str]) -> str:
    """A rig whose every frame says which it is; by camera what its table says besides."""
    camera = f'kind = "sim"\nwidth = 320\nheight = 240\nfps = {FPS}\nbarcode = true\nsync = "tick"\n'
    return _RIG + "".join(f"[cameras.{name}]\n{camera}{more}\n" for name, more in cameras.items())


RIG = rig_file(dict.fromkeys(CAMERAS, ""))


CANVASES = "() => [...document.querySelectorAll('#stage canvas')].map((canvas) => canvas.toDataURL('image/png'))"


# Finds takes again and again, at the price of one start.
RECOVER = """
import sys
import django
django.setup()
from django.db import connections
from recorder.worker.recover import recover
for line in sys.stdin:
    recover()
    connections.close_all()
    print("done", flush=True)
"""


@dataclass
class Product:
    """`manage.py run` as a person starts it."""

    process: subprocess.Popen[str]
    home: Path
    url: str
    lines: queue.Queue[str] = field(repr=False)
    printed: str = ""
    """The sign-in link that its start printed; one use."""
    crowd: list[str] = field(default_factory=list, repr=False)
    """The takes of the dataset `crowd`, once somebody has needed them."""
    _api: Api | None = None
    _finder: subprocess.Popen[str] | None = None

    def env(self, **more: str) -> dict[str, str]:
        return {**os.environ, "ROBOTDATA_HOME": str(self.home), **more}

    @property
    def api(self) -> Api:
        """Somebody who has followed the printed link; pages of the tests are hers, too."""
        if self._api is None:
            self._api = Api(self.url, self.printed)
        return self._api

    def link(self) -> str:
        """A fresh sign-in link, as the command for a second person prints it."""
        command = [sys.executable, "manage.py", "signin"]
        said = programs.run(command, cwd=ROOT, env=self.env(), capture_output=True, text=True, check=True).stdout
        return f"{self.url}/sign-in/?code={said.split('code=')[1].split()[0]}"

    def recover(self) -> None:
        """Index the takes that lie in the spool, as `manage.py recover` does, in a process that stays."""
        if self._finder is None:
            env = self.env(DJANGO_SETTINGS_MODULE="robotdata.settings", PYTHONPATH=str(ROOT))
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            command = [sys.executable, "-c", RECOVER]
            self._finder = programs.Popen(command, cwd=ROOT, env=env, text=True, bufsize=1, **pipes)
        assert self._finder.stdin is not None and self._finder.stdout is not None
        self._finder.stdin.write("again\n")
        assert self._finder.stdout.readline() == "done\n"

    def end(self) -> None:
        """Stop it as Ctrl-C does."""
        if self._finder is not None:
            self._finder.communicate()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()


@contextlib.contextmanager
def running(home: Path, rig: str | None) -> Iterator[Product]:
    """The product in `home` with one rig of this rig file; for None as a new user starts it: the simulated rig."""
    port = free_port()
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": ""}
    command = [sys.executable, "manage.py", "run", "--port", str(port)]
    if rig is not None:
        (home / "rig.toml").write_text(rig)
        command += ["--rig", str(home / "rig.toml")]
    with (
        (home / "log").open("w") as log,
        programs.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        lines: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=lambda: [lines.put(line) for line in process.stdout or ()], daemon=True)
        reader.start()
        product = Product(process, home, f"http://127.0.0.1:{port}", lines)
        try:
            product.printed = wait_for_link(process, lines, home)
            yield product
        finally:
            product.end()
            reader.join(5)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium; skips, saying so, where there is none."""
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, headless=True)
        yield browser
        browser.close()


def wait_for_link(process: subprocess.Popen[str], lines: queue.Queue[str], home: Path) -> str:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if "/sign-in/?code=" in (line := lines.get(timeout=0.2)):
                return next(word for word in line.split() if "/sign-in/?code=" in word)
        except queue.Empty:
            continue
    pytest.fail(f"the product did not start: {(home / 'log').read_text()[-2000:]}")


# Which rows the page was told of, by its own socket.
HEARD = """
  window.rowsMoved = [];
  document.addEventListener("row-moved", ({ detail }) => window.rowsMoved.push(detail.id));
"""


class Traffic:
    """What a page asks for: whether something is under way, and since when nothing is."""

    pages: WeakKeyDictionary[Page, Traffic] = WeakKeyDictionary()

    def __init__(self, page: Page) -> None:
        self.under_way: set[Request] = set()
        self.asked: Counter[str] = Counter()
        self.since = time.monotonic()
        page.on("request", self.begins)
        page.on("requestfinished", self.ends)
        page.on("requestfailed", self.ends)
        page.on("domcontentloaded", lambda _: self.under_way.clear())  # those of the document before

    @classmethod
    def of(cls, page: Page) -> Traffic:
        if page not in cls.pages:
            cls.pages[page] = cls(page)
        return cls.pages[page]

    def begins(self, request: Request) -> None:
        self.under_way.add(request)
        self.asked[request.url] += 1

    def ends(self, request: Request) -> None:
        self.under_way.discard(request)
        self.since = time.monotonic()


def quiet(page: Page, for_s: float = 0.5, *, held: int = 0) -> None:
    """Wait until the page has asked for nothing for so long, and waits for nothing but answers that a test holds.

    A page that still asks after a minute asks without a reason: that is a fault of the page.
    """
    traffic = Traffic.of(page)
    traffic.asked.clear()
    traffic.since = time.monotonic()
    deadline = traffic.since + 60
    while len(traffic.under_way) > held or time.monotonic() - traffic.since < for_s:
        under_way = [request.url for request in traffic.under_way]
        assert time.monotonic() < deadline, f"under way: {under_way}; asked in a minute: {traffic.asked.most_common(9)}"
        left_s = for_s - (time.monotonic() - traffic.since)
        page.wait_for_timeout(max(50, 1000 * left_s))  # each look is a message to the browser's driver and back


def until_ended(page: Page, request: Request) -> None:
    """Wait until this request has its answer, or was given up by the page."""
    deadline = time.monotonic() + 60
    while request in Traffic.of(page).under_way:
        assert time.monotonic() < deadline, request.url
        page.wait_for_timeout(10)


@contextlib.contextmanager
def heard(page: Page, *rows: str, held: int = 0) -> Iterator[None]:
    """What is changed here has reached the page after it: it was told of these rows, and has fetched what it wanted."""
    page.evaluate("() => { window.rowsMoved.length = 0; }")
    yield
    page.wait_for_function("(rows) => rows.every((row) => window.rowsMoved.includes(row))", arg=list(rows))
    quiet(page, 1.0, held=held)  # a burst has an end of 400 ms


# What a page leaves behind for those that come after it.
FORGET = """async () => {
  localStorage.clear();
  for (const name of await caches.keys()) await caches.delete(name);
  for (const one of await navigator.serviceWorker.getRegistrations()) await one.unregister();
}"""


class Window:
    """The browser of somebody who is signed in, for one page after the other: it has read the scripts already."""

    def __init__(self, browser: Browser, product: Product) -> None:
        self.state = product.api.state()
        self.context = browser.new_context(storage_state=self.state, base_url=product.url, viewport=SIZE)
        self.context.add_init_script(HEARD)
        self.first = self.context.new_page()  # it stays, and the process of all of them with it
        self.first.goto("/offline/")

    def open(self, size: ViewportSize, **media: Any) -> Page:
        page = self.context.new_page()
        if size != SIZE:
            page.set_viewport_size(size)
        if media:
            page.emulate_media(**media)
        return page

    def forget(self) -> None:
        """Close what a test has opened and forget what it did: the next one comes as if nobody had been here."""
        for page in self.context.pages:
            if page is not self.first:
                close_page(page)
        self.context.set_offline(False)
        self.context.clear_cookies()
        self.context.add_cookies(self.state["cookies"])
        self.first.evaluate(FORGET)


@dataclass
class Visit:
    """Opens pages as somebody who is signed in, and keeps every complaint of the browser."""

    window: Window
    browser: Browser
    product: Product
    complaints: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)
    own: list[BrowserContext] = field(default_factory=list)

    def __call__(
        self, path: str, *, width: int = SIZE["width"], height: int = SIZE["height"], alone: bool = False, **more: Any
    ) -> Page:
        """A page in the window that all tests share.

        In a new one where `more` asks for another device or person, or `alone` says that a test changes what all pages
        of a window have in common, as their clock.
        """
        size = ViewportSize(width=width, height=height)
        shares = more.keys() <= MEDIA and not alone
        page = self.window.open(size, **more) if shares else self.elsewhere(size, **more)
        page.set_default_timeout(60_000)
        Traffic.of(page)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self.hear(page.url, said))
        page.goto(path)
        return page

    def elsewhere(self, size: ViewportSize, **more: Any) -> Page:
        more = {"storage_state": self.window.state, "base_url": self.product.url, **more}
        context = self.browser.new_context(viewport=size, **more)
        context.add_init_script(HEARD)
        self.own.append(context)
        return context.new_page()

    def hear(self, url: str, said: Any) -> None:
        if said.type == "error":
            self.complaints.append(f"{url}: {said.text}")

    def forgive(self, *words: str) -> None:
        """Let no complaint with one of these words fail the test; without words, none at all.

        Also those that come later: a browser may tell of a request after the page has shown how it ended.
        """
        self.forgiven += words or ("",)

    def end(self) -> None:
        self.window.forget()
        for context in self.own:
            close_context(context)
        self.complaints = [each for each in self.complaints if not any(word in each for word in self.forgiven)]


def pictures(page: Page) -> list[Barcode]:
    """What the frames on screen say of themselves, camera by camera."""
    return [read(shown) for shown in drawn(page, CANVASES)]


def drawn(page: Page, script: str) -> list[np.ndarray]:
    """The pictures that `script` gives as data addresses, RGB."""
    shown = [Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) for url in page.evaluate(script)]
    return [np.asarray(image.convert("RGB")) for image in shown]
