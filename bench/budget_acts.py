"""The acts that `bench/budgets.py` measures, done over HTTP and sockets as browsers, programs and rigs do them."""

from __future__ import annotations

import http.client
import json
import random
import sqlite3
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from websockets.sync.client import ClientConnection, connect

from bench.budget_product import Measured

FRONT = "observation.images.front"
JPEG = bytes(40_000)
HTMX = {"HX-Request": "true"}


@dataclass
class Act:
    """`do(n)` does it for the n-th time; `around` prepares what is not measured; `pause_s` is the time between two."""

    name: str
    do: Callable[[int], Any]
    times: int = 30
    pause_s: float = 0.0
    warm: bool = True
    """Whether the first time is not counted: it fills caches."""
    counted: tuple[str, ...] = ("web",)
    """The processes whose queries, fsyncs and messages are counted; processor time is read of all."""
    worker: str = ""
    """What the worker does then, if it is to be counted on a line of its own."""


class Acts:
    """Somebody at a browser, a program with a token, and a rig, at one running product."""

    def __init__(self, measured: Measured) -> None:
        self.measured = measured
        self.keys = measured.keys
        self.port = measured.product.port
        self.http_bytes = 0
        self.requests = 0
        self._asked_at = 0.0
        self._link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        takes = self.keys["takes"]
        self.shown, self.strips, self.judged, self.keyed = takes[0], takes[1:32], takes[40:71], takes[80:121]

    def ask(self, method: str, path: str, body: Any = None, *, token: bool = False, **headers: str) -> bytes:
        """Make a request, as a browser that is signed in or with a token; raise SystemExit unless it succeeds."""
        if token:
            headers |= {"Authorization": f"Bearer {self.keys['token']}"}
        else:
            headers = {"Cookie": self.keys["cookie"], "X-CSRFToken": self.keys["csrf"], **headers}
        data = None if body is None else json.dumps(body)
        if time.monotonic() - self._asked_at > 2:  # the server ends a connection that is idle for 5 s
            self._link.close()
        self._asked_at = time.monotonic()
        self._link.request(method, path, data, headers | {"Content-Type": "application/json"})
        answer = self._link.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {content[:300]!r}")
        self.http_bytes += len(content)
        self.requests += 1
        return content

    def page(self, path: str, **headers: str) -> Callable[[int], Any]:
        return lambda _: self.ask("GET", path, **headers)

    def pages(self) -> list[Act]:
        """Pages and media, as one person opens them."""
        after = self.keys["takes"][-37]
        frames = random.Random(1).sample(range(60), 60)
        made = self.keys["committed"]
        strip = [f"/media/{take}/strip/{FRONT}.jpg" for take in self.strips]
        return [
            Act("sign-in page", self.page("/sign-in/", Cookie="")),
            Act("static file", self.page("/static/js/live.js")),
            Act("home page", self.page("/")),
            Act("dataset page", self.page("/datasets/bench/")),
            Act("wall, first page", self.page("/datasets/bench/wall/?view=review", **HTMX)),
            Act("wall, next page", self.page(f"/datasets/bench/cards/?view=review&after={after}", **HTMX)),
            Act("episode page", self.page(f"/episodes/{self.shown}/?list=review")),
            Act("frame of a take", lambda n: self.ask("GET", _frame(self.shown, frames[n])), 60),
            Act("frame of an H.264 episode", lambda n: self.ask("GET", _frame(made, frames[n])), 60),
            Act("filmstrip, cold", lambda n: self.ask("GET", strip[n])),
            Act("filmstrip, again", lambda n: self.ask("GET", strip[n])),
        ]

    def reviewing(self) -> list[Act]:
        """A verdict by the API and by its key, and undo."""
        return [
            Act("verdict", lambda n: self.judge(self.judged[n], token=True)),
            Act("undo", lambda n: self.ask("POST", "/api/undo", {}, token=True)),
        ]

    def key(self, n: int) -> None:
        """What R sends: the verdict with the version on screen; words and filmstrip of a take that is opened ahead."""
        self.judge(self.keyed[n], version=self.versions[self.keyed[n]], own=True)
        ahead = self.keyed[n + 5]
        self.ask("GET", f"/episodes/{ahead}/?list=review&sort=oldest", **HTMX)
        self.ask("GET", f"/media/{ahead}/strip/{FRONT}.jpg")

    def judge(self, take: str, *, token: bool = False, **more: Any) -> None:
        self.ask("PATCH", f"/api/episodes/{take}", {"verdict": "reject", **more}, token=token)

    @contextmanager
    def one_page_open(self) -> Iterator[Act]:
        """Yield the verdict by key while one page listens to changes."""
        rows = [json.loads(self.ask("GET", f"/api/episodes/{take}", token=True)) for take in self.keyed]
        self.versions = {row["id"]: row["version"] for row in rows}
        with self.browser_socket("/ws/events/") as socket:
            threading.Thread(target=lambda: list(socket), daemon=True).start()
            time.sleep(7)  # it begins with the changes of the last 5 seconds
            yield Act("verdict by key, a page open", self.key, 24, pause_s=0.4)

    def browser_socket(self, path: str) -> ClientConnection:
        address = f"127.0.0.1:{self.port}"
        headers = {"Cookie": self.keys["cookie"]}
        return connect(f"ws://{address}{path}", additional_headers=headers, origin=f"http://{address}", **_PLAIN)

    @contextmanager
    def rig_connected(self) -> Iterator[Callable[[], Iterator[Act]]]:
        """Connect a rig and yield what it sends: a status four times a second, and previews to one viewer."""
        headers = {"Authorization": f"Bearer {self.keys['rig_token']}"}
        with connect(f"ws://127.0.0.1:{self.port}/ws/rig/", additional_headers=headers, **_PLAIN) as rig:
            rig.send(json.dumps(_hello()))
            rig.recv(timeout=30)
            time.sleep(1)

            def acts() -> Iterator[Act]:
                yield Act("status message of a rig", lambda n: rig.send(json.dumps(_status(n))), 40, pause_s=0.25)
                with self.browser_socket("/ws/live/fake/") as viewer:
                    viewer.send(json.dumps({"type": "watch", "cameras": {FRONT: 30}, "v": 1}))
                    while json.loads(rig.recv(timeout=30)).get("cameras") != {FRONT: 30}:
                        pass
                    yield Act("preview frame to a viewer", lambda n: _preview(rig, viewer, n), 150, pause_s=1 / 30)

            yield acts

    def queue(self, take: str) -> str:
        """Keep a take and start a batch with it alone; return the operation."""
        body = {"episodes": [take], "include_unreviewed": True}
        return str(json.loads(self.ask("POST", "/api/datasets/short/encode", body, token=True))["id"])

    def wait_done(self, operation: str, most_s: float = 120) -> None:
        """Wait without asking the product: its database is read."""
        path = self.measured.home / ".state/robotdata.sqlite3"
        key = operation.replace("-", "")
        end = time.monotonic() + most_s
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as rows:
            while time.monotonic() < end:
                (state,) = rows.execute("SELECT state FROM recorder_operation WHERE id = ?", [key]).fetchone()
                if state == "done":
                    return
                time.sleep(0.1)
        raise SystemExit(f"the batch is {state} after {most_s:g} s")

    def encode(self, n: int) -> None:
        """Encode one take and commit it."""
        self.wait_done(self.queue(self.keys["short"][n]))

    def record(self, _: int) -> None:
        """Begin a take, and stop it after a third of a second."""
        body = {"dataset": "recorded", "task": "push the cube", "countdown_s": 0}
        self.ask("POST", "/api/rigs/rig1/record", body, token=True)
        time.sleep(0.33)
        self.ask("POST", "/api/rigs/rig1/commands/stop", {}, token=True)


_PLAIN: dict[str, Any] = {"compression": None, "max_size": None}


def _frame(episode: str, n: int) -> str:
    return f"/media/{episode}/frame/{FRONT}/{n}.jpg"


def _status(n: int) -> dict[str, Any]:
    said = {"type": "status", "v": 1, "seq": n, "state": "idle", "since": 1_790_000_000.0, "controls": ["record"]}
    disk = {"free_bytes": 10**9 + n, "minutes_left": 90}
    return {**said, "take": None, "disk": disk, "message": None, "warnings": []}


def _hello() -> dict[str, Any]:
    cameras = [{"key": FRONT, "name": "front", "width": 640, "height": 480, "fps": 30}]
    features = {"action": {"dtype": "float32", "shape": [2], "names": ["a.pos", "b.pos"]}}
    rig = {"name": "fake", "robot_type": "fake", "fps": 30, "features": features, "cameras": cameras}
    rig |= {"software": "bench", "pid": 1, "host": "bench", "spool": "/tmp"}
    return {"type": "hello", "v": 1, "protocol": 1, "rig": rig, "status": _status(0), "takes": []}


def _preview(rig: ClientConnection, viewer: ClientConnection, n: int) -> None:
    rig.send(struct.pack("!BBxxIQ", 1, 0, n, time.time_ns()) + JPEG)
    while not isinstance(viewer.recv(timeout=30), bytes):
        pass
    viewer.send(json.dumps({"type": "drawn", "cameras": [0], "v": 1}))
