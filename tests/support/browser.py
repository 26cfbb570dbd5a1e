"""A person at the real product: its processes, the pages she opens, and what their pictures say."""

from __future__ import annotations

import base64
import io
import os
import queue
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from robotdata.video.barcode import Barcode, read

ROOT = Path(__file__).resolve().parent.parent.parent


BROWSERS = ("chromium", "chromium-browser", "google-chrome")


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


@dataclass
class Product:
    """`manage.py run` as a person starts it."""

    process: subprocess.Popen[str]
    home: Path
    url: str
    lines: queue.Queue[str] = field(repr=False)

    def link(self) -> str:
        """A fresh sign-in link, as the command for a second person prints it."""
        env = {**os.environ, "ROBOTDATA_HOME": str(self.home)}
        command = [sys.executable, "manage.py", "signin"]
        said = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
        return f"{self.url}/sign-in/?code={said.split('code=')[1].split()[0]}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_link(process: subprocess.Popen[str], lines: queue.Queue[str], home: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if "/sign-in/?code=" in lines.get(timeout=0.2):
                return
        except queue.Empty:
            continue
    pytest.fail(f"the product did not start: {(home / 'log').read_text()[-2000:]}")


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
        page = context.new_page()
        page.set_default_timeout(60_000)
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
