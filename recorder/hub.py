"""What is live in this web process: rigs' pictures and words, and who looks at them. Newest wins, nothing queues.

Everything here runs on the event loop; nothing waits for a viewer, a database or another process.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from recorder.events import frame_head, offline_status

SILENT_S = 1.5  # a rig speaks four times a second
_TICK_S = 0.25
_TELEMETRY_KEPT = 50
_EARLY = 0.6  # of a period: cameras' clocks and ours never agree on the instant

Wanted = dict[str, float]


class Viewer:
    """One who looks at one rig: the newest frame of each watched camera, the newest status, some telemetry."""

    def __init__(self) -> None:
        self.wanted: Wanted = {}
        self._frames: dict[int, bytes] = {}
        self._status: str | None = None
        self._names: str | None = None
        self._telemetry: deque[str] = deque(maxlen=_TELEMETRY_KEPT)
        self._due: dict[str, float] = {}
        self._wake = asyncio.Event()

    def offer_frame(self, key: str, camera: int, data: bytes, now: float) -> None:
        fps = self.wanted.get(key)
        if not fps:
            return
        due = self._due.get(key, 0.0)
        if now < due:
            return
        # Kept on a grid, so that 10 of 30 is ten and not seven and a half; after a gap the grid begins anew.
        period = 1.0 / fps
        self._due[key] = max(due + period, now + _EARLY * period)
        self._frames[camera] = data
        self._wake.set()

    def offer_status(self, text: str) -> None:
        self._status = text
        self._wake.set()

    def offer_names(self, text: str) -> None:
        self._names = text  # apart from the rows, of which a slow viewer loses the oldest
        self._wake.set()

    def offer_telemetry(self, text: str) -> None:
        self._telemetry.append(text)
        self._wake.set()

    async def next(self) -> list[str | bytes]:
        """What is new, status first; waits until there is something."""
        await self._wake.wait()
        return self._drain()

    def _drain(self) -> list[str | bytes]:
        self._wake.clear()
        news: list[str | bytes] = [text for text in (self._status, self._names) if text is not None]
        self._status = self._names = None
        while self._telemetry:
            news.append(self._telemetry.popleft())
        frames, self._frames = self._frames, {}
        return [*news, *frames.values()]


class Feed:
    """One rig as this process knows it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.viewers: set[Viewer] = set()
        self.keys: list[str] = []
        self.status: dict[str, Any] | None = None
        self.names: str | None = None
        self.online = False
        self.heard_at = 0.0
        self.on_wanted: Callable[[Wanted], None] | None = None
        self._asked: Wanted = {}

    def wanted(self) -> Wanted:
        """What all viewers together want to see."""
        union: Wanted = {}
        for viewer in self.viewers:
            for key, fps in viewer.wanted.items():
                union[key] = max(fps, union.get(key, 0.0))
        return union

    def tell_wanted(self, *, always: bool = False) -> None:
        """Tell the rig, if that changes anything."""
        wanted = self.wanted()
        if self.on_wanted is not None and (always or wanted != self._asked):
            self._asked = wanted
            self.on_wanted(wanted)

    def publish_frame(self, data: bytes) -> None:
        """Raises ValueError where the bytes are no preview frame."""
        head = frame_head(data)
        if head.camera >= len(self.keys):
            raise ValueError(f"a preview of camera {head.camera}, though hello named {len(self.keys)}")
        key, now = self.keys[head.camera], time.monotonic()
        for viewer in self.viewers:
            viewer.offer_frame(key, head.camera, data, now)

    def publish_status(self, status: Mapping[str, Any]) -> None:
        self.status = {**status, "type": "status", "rig": self.name}
        self.online = bool(self.status.setdefault("online", True))
        self.heard_at = time.monotonic()
        cameras = self.status.get("cameras")
        if isinstance(cameras, list):
            self.keys = [str(camera.get("key")) for camera in cameras]
        text = json.dumps(self.status)
        for viewer in self.viewers:
            viewer.offer_status(text)

    def publish_telemetry(self, message: Mapping[str, Any]) -> None:
        rows = {key: value for key, value in message.items() if key != "names"}
        if names := message.get("names"):
            self.names = json.dumps({"type": "telemetry", "names": names, "rows": []})
            for viewer in self.viewers:
                viewer.offer_names(self.names)
        text = json.dumps(rows)
        for viewer in self.viewers:
            viewer.offer_telemetry(text)

    def go_offline(self) -> None:
        if self.online:
            kept = {key: value for key, value in (self.status or {}).items() if key in {"disk", "cameras"}}
            self.publish_status({**offline_status(self.name), **kept, "since": time.time()})


class Hub:
    """All feeds of this process."""

    def __init__(self) -> None:
        self.feeds: dict[str, Feed] = {}
        self.on_look: Callable[[Feed], None] | None = None  # the relay: a rig may be on another process
        self._ticker: asyncio.Task[None] | None = None

    def feed(self, name: str) -> Feed:
        feed = self.feeds.get(name)
        if feed is None:
            feed = self.feeds[name] = Feed(name)
            if self._ticker is None or self._ticker.done():
                self._ticker = asyncio.get_running_loop().create_task(self._tick())
        return feed

    def attach(self, name: str, on_wanted: Callable[[Wanted], None]) -> Feed:
        """A rig's socket is here: `on_wanted` is told, at once and at every change, what is watched."""
        feed = self.feed(name)
        feed.on_wanted = on_wanted
        feed.names = None
        feed.tell_wanted(always=True)
        return feed

    def detach(self, name: str, on_wanted: Callable[[Wanted], None]) -> None:
        """The socket has gone, unless another has taken its place."""
        feed = self.feeds.get(name)
        if feed is not None and feed.on_wanted == on_wanted:
            feed.on_wanted = None
            feed.go_offline()
            self._drop_if_idle(feed)

    def join(self, name: str, viewer: Viewer) -> Feed:
        feed = self.feed(name)
        feed.viewers.add(viewer)
        if feed.status is not None:
            viewer.offer_status(json.dumps(feed.status))
        if feed.names is not None:
            viewer.offer_names(feed.names)
        self._looked(feed)
        return feed

    def watch(self, name: str, viewer: Viewer, wanted: Wanted) -> None:
        viewer.wanted = wanted
        if feed := self.feeds.get(name):
            feed.tell_wanted()
            self._looked(feed)

    def _looked(self, feed: Feed) -> None:
        if self.on_look is not None:
            self.on_look(feed)

    def leave(self, name: str, viewer: Viewer) -> None:
        feed = self.feeds.get(name)
        if feed is not None:
            feed.viewers.discard(viewer)
            feed.tell_wanted()
            self._drop_if_idle(feed)

    def _drop_if_idle(self, feed: Feed) -> None:
        if not feed.viewers and feed.on_wanted is None:
            self.feeds.pop(feed.name, None)

    async def _tick(self) -> None:
        while self.feeds:
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            for feed in list(self.feeds.values()):
                if feed.online and now - feed.heard_at > SILENT_S:
                    feed.go_offline()


hub = Hub()
