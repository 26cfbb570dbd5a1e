"""What is live in this web process: rigs' pictures and words, and who looks at them. Newest wins, nothing queues.

Everything here runs on the event loop; nothing waits for a viewer, a database or another process.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from recorder.live.messages import frame_at, frame_head, offline_status
from recorder.live.pacing import Pacing
from recorder.live.rig_clock import RigClock
from recorder.models.readiness import readiness_of
from robotdata.websocket import wire_text

SILENT_S = 1.5  # a rig speaks four times a second
FRESH_S = 1.0  # a picture that waited longer is not sent
_TICK_S = 0.25
_TELEMETRY_KEPT = 50
_EARLY = 0.6  # of a period: cameras' clocks and ours never agree on the instant

Wanted = dict[str, float]


class Viewer:
    """One who looks at one rig: the newest frame of each watched camera, the newest status, some telemetry.

    With `paced` pictures wait until the viewer has `drawn` those before: a socket's buffers never fill with pictures
    that are old when they come out, and a status waits behind two at most.
    """

    def __init__(self, *, paced: bool = False) -> None:
        self.wanted: Wanted = {}
        self._frames: dict[int, tuple[bytes, float]] = {}
        self._pacing = Pacing() if paced else None
        self._status: str | None = None
        self._ping: int | None = None
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
        # Kept on a grid, so that 10 of 30 is ten and not seven and a half; after a gap the grid restarts.
        period = 1.0 / fps
        self._due[key] = max(due + period, now + _EARLY * period)
        self._frames[camera] = data, now
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

    def pinged(self, number: int) -> None:
        """The viewer asks whether we are there; the newest of its pings is answered."""
        self._ping = number
        self._wake.set()

    def drawn(self, cameras: Iterable[int]) -> None:
        """The viewer has dealt with one picture of each of these cameras."""
        if self._pacing is not None:
            for camera in cameras:
                self._pacing.drawn(camera)
            self._wake.set()

    async def next(self) -> str | bytes:
        """Return the next message, the most urgent first; waits until there is one."""
        while (news := self.pop()) is None:
            self._wake.clear()
            await self._wake.wait()
        return news

    def pop(self) -> str | bytes | None:
        """Return what is to be sent now, or None. Called again for each message, so that nothing ages in a list."""
        if self._status is not None:
            status, self._status = self._status, None
            return status
        if self._ping is not None:
            number, self._ping = self._ping, None
            return wire_text({"type": "pong", "id": number, "now": time.time()})
        if self._names is not None:
            names, self._names = self._names, None
            return names
        return self._telemetry.popleft() if self._telemetry else self._pop_frame()

    def _pop_frame(self) -> bytes | None:
        now = time.monotonic()
        self._frames = {camera: frame for camera, frame in self._frames.items() if now - frame[1] < FRESH_S}
        camera = next(iter(self._frames), None) if self._pacing is None else self._pacing.choose(self._frames)
        if camera is None:
            return None
        if self._pacing is not None:
            self._pacing.sent(camera)
        return self._frames.pop(camera)[0]


def cameras_in(status: Mapping[str, Any]) -> list[Any]:
    """The cameras that a status names, in the order of the rig's hello."""
    cameras = status.get("cameras")
    return cameras if isinstance(cameras, list) else []


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
        self.clock = RigClock()
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
        self.clock.heard(head.captured_ns / 1e9)
        if offset_s := self.clock.offset_s:
            data = frame_at(data, head.captured_ns + round(offset_s * 1e9))
        for viewer in self.viewers:
            viewer.offer_frame(key, head.camera, data, now)

    def publish_status(self, status: Mapping[str, Any]) -> None:
        self.status = {**status, "type": "status", "rig": self.name}
        timer = self.status.get("timer")
        if isinstance(timer, dict) and isinstance(timer.get("ends_at"), int | float):
            self.status["timer"] = {**timer, "ends_at": timer["ends_at"] + self.clock.offset_s}
        self.online = bool(self.status.setdefault("online", True))
        self.heard_at = time.monotonic()
        if isinstance(self.status.get("cameras"), list):
            self.keys = [str(camera.get("key")) for camera in cameras_in(self.status)]
        self.status |= readiness_of(str(self.status.get("state")), self.status, cameras_in(self.status)).as_dict()
        text = wire_text(self.status)
        for viewer in self.viewers:
            viewer.offer_status(text)

    def publish_telemetry(self, message: Mapping[str, Any]) -> None:
        if isinstance(said_at := message.get("t"), int | float):
            self.clock.heard(said_at)
        rows = {key: value for key, value in message.items() if key != "names"}
        if names := message.get("names"):
            self.names = wire_text({"type": "telemetry", "names": names, "rows": []})
            for viewer in self.viewers:
                viewer.offer_names(self.names)
        text = wire_text(rows)
        for viewer in self.viewers:
            viewer.offer_telemetry(text)

    def go_offline(self) -> None:
        if self.online:
            last = self.status or {}
            kept: dict[str, Any] = {key: last[key] for key in ("disk", "cameras") if key in last}
            offline = offline_status(self.name, cut_off=last.get("take"))
            self.publish_status({**offline, **kept, "since": time.time()})


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
        feed.clock = RigClock()
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
            viewer.offer_status(wire_text(feed.status))
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
