"""A person at the real product: its processes, the pages she opens, and what their pictures say."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import queue
import signal
import socket
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
from playwright.sync_api import Browser, Page, Request, sync_playwright

from robotdata.video.barcode import Barcode, read
from tests.support.chromium import chromium_path

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
    "--autoplay-policy=no-user-gesture-required",
    # A camera of its own, a test picture that moves, which pages may use without a question.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


CAMERAS = ("front", "top", "wrist")


_RIG = """
[rig]
name = "bench-1"
fps = 15
[robot]
kind = "sim"
[teleoperator]
kind = "autopilot"
"""


def rig_file(cameras: dict[str, str]) -> str:
    """A rig whose every frame says which it is; by camera what its table says besides."""
    camera = 'kind = "sim"\nwidth = 320\nheight = 240\nfps = 15\nbarcode = true\nsync = "tick"\n'
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
    cookies: dict[str, Any] = field(default_factory=dict, repr=False)
    """The storage state of a browser that is signed in; empty before the first one is."""
    _finder: subprocess.Popen[str] | None = None

    def env(self, **more: str) -> dict[str, str]:
        return {**os.environ, "ROBOTDATA_HOME": str(self.home), **more}

    def link(self) -> str:
        """A fresh sign-in link, as the command for a second person prints it."""
        command = [sys.executable, "manage.py", "signin"]
        said = subprocess.run(command, cwd=ROOT, env=self.env(), capture_output=True, text=True, check=True).stdout
        return f"{self.url}/sign-in/?code={said.split('code=')[1].split()[0]}"

    def recover(self) -> None:
        """Index the takes that lie in the spool, as `manage.py recover` does, in a process that stays."""
        if self._finder is None:
            env = self.env(DJANGO_SETTINGS_MODULE="robotdata.settings", PYTHONPATH=str(ROOT))
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            command = [sys.executable, "-c", RECOVER]
            self._finder = subprocess.Popen(command, cwd=ROOT, env=env, text=True, bufsize=1, **pipes)
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
        subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True) as process,
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
        page.wait_for_timeout(20)


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


@dataclass
class Visit:
    """Opens pages as somebody who is signed in, and keeps every complaint of the browser."""

    browser: Browser
    product: Product
    state: dict[str, Any]
    complaints: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)

    def __call__(self, path: str, *, width: int = 1440, height: int = 900, **more: Any) -> Page:
        more = {"storage_state": self.state, "base_url": self.product.url, **more}
        context = self.browser.new_context(viewport={"width": width, "height": height}, **more)
        context.add_init_script(HEARD)
        page = context.new_page()
        page.set_default_timeout(60_000)
        Traffic.of(page)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self.hear(page.url, said))
        self.pages.append(page)
        page.goto(path)
        return page

    def hear(self, url: str, said: Any) -> None:
        if said.type == "error":
            self.complaints.append(f"{url}: {said.text}")


def pictures(page: Page) -> list[Barcode]:
    """What the frames on screen say of themselves, camera by camera."""
    return [read(shown) for shown in drawn(page, CANVASES)]


def drawn(page: Page, script: str) -> list[np.ndarray]:
    """The pictures that `script` gives as data addresses, RGB."""
    shown = [Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) for url in page.evaluate(script)]
    return [np.asarray(image.convert("RGB")) for image in shown]
