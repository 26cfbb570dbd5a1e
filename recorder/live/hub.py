"""The live feeds of rigs in this web process and their viewers. The newest value replaces older ones; nothing queues.

Everything here runs on the event loop and never waits for a viewer, the database or another process.
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

SILENT_S = 2.5
"""A rig that sends no status for so long is called offline, and its take cut off.

It sends four a second, two at rest, and one that ends closes its socket, which is noticed at once. On a busy computer a
status may be a second late: a false alarm during a take is worse than a true one a second later.
"""
MAX_FRAME_AGE_S = 1.0  # an older frame is not sent
_TICK_S = 0.25
_MAX_TELEMETRY = 50
_EARLIEST_SHARE = 0.6  # of a period: the clocks of cameras and server are never in phase

CameraRates = dict[str, float]
Stop = Callable[[str, "asyncio.Future[dict[str, Any]]"], None]
"""Sends an emergency stop with this id to a rig, whose reply becomes the future's result."""


class Viewer:
    """A viewer of one rig: the newest frame of each watched camera, the newest status, recent telemetry.

    With `paced`, frames wait until the viewer has `drawn` earlier ones. So a socket's buffers never fill with outdated
    frames, and a status waits for two frames at most.
    """

    def __init__(self, *, paced: bool = False) -> None:
        self.camera_rates: CameraRates = {}
        self._frames: dict[int, tuple[bytes, float]] = {}
        self._pacing = Pacing() if paced else None
        self._status: str | None = None
        self._ping: int | None = None
        self._names: str | None = None
        self._telemetry: deque[str] = deque(maxlen=_MAX_TELEMETRY)
        self._due: dict[str, float] = {}
        self._wake = asyncio.Event()

    def offer_frame(self, key: str, camera: int, data: bytes, now: float) -> None:
        """Offer a frame of camera `key`, dropped if the viewer does not want it `now` (monotonic seconds)."""
        fps = self.camera_rates.get(key)
        if not fps:
            return
        due = self._due.get(key, 0.0)
        if now < due:
            return
        # The times lie on a grid, so that 10 fps of 30 is ten and not seven and a half; after a gap the grid restarts.
        period = 1.0 / fps
        self._due[key] = max(due + period, now + _EARLIEST_SHARE * period)
        self._frames[camera] = data, now
        self._wake.set()

    def offer_status(self, text: str) -> None:
        """Offer the newest status, as JSON."""
        self._status = text
        self._wake.set()

    def offer_names(self, text: str) -> None:
        """Offer the names of the telemetry's values, as JSON."""
        self._names = text  # separate from the rows, of which a slow viewer loses the oldest
        self._wake.set()

    def offer_telemetry(self, text: str) -> None:
        """Offer a telemetry message, as JSON; the oldest is dropped if too many wait."""
        self._telemetry.append(text)
        self._wake.set()

    def answer_ping(self, number: int) -> None:
        """Answer a ping of the viewer; only the newest is answered."""
        self._ping = number
        self._wake.set()

    def record_drawn(self, cameras: Iterable[int]) -> None:
        """Record that the viewer has drawn or dropped one frame of each of these cameras."""
        if self._pacing is not None:
            for camera in cameras:
                self._pacing.record_drawn(camera)
            self._wake.set()

    async def next(self) -> str | bytes:
        """Return the next message, the most urgent first; waits until there is one."""
        while (message := self.pop()) is None:
            self._wake.clear()
            await self._wake.wait()
        return message

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
        self._frames = {camera: frame for camera, frame in self._frames.items() if now - frame[1] < MAX_FRAME_AGE_S}
        camera = next(iter(self._frames), None) if self._pacing is None else self._pacing.choose(self._frames)
        if camera is None:
            return None
        if self._pacing is not None:
            self._pacing.record_sent(camera)
        return self._frames.pop(camera)[0]


def cameras_in(status: Mapping[str, Any]) -> list[Any]:
    """Return the cameras in a status, in the order of the rig's hello."""
    cameras = status.get("cameras")
    return cameras if isinstance(cameras, list) else []


class Feed:
    """The live data of one rig in this process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.viewers: set[Viewer] = set()
        self.keys: list[str] = []
        self.status: dict[str, Any] | None = None
        self.names: str | None = None
        self.online = False
        self.heard_at = 0.0
        self.on_rates: Callable[[CameraRates], None] | None = None
        self.on_stop: Stop | None = None
        self.clock = RigClock()
        self._sent_rates: CameraRates = {}

    def camera_rates(self) -> CameraRates:
        """Return the highest frame rate that any viewer wants of each camera."""
        rates: CameraRates = {}
        for viewer in self.viewers:
            for key, fps in viewer.camera_rates.items():
                rates[key] = max(fps, rates.get(key, 0.0))
        return rates

    def send_rates(self, *, always: bool = False) -> None:
        """Tell the rig which cameras are wanted, if that has changed or `always`."""
        rates = self.camera_rates()
        if self.on_rates is not None and (always or rates != self._sent_rates):
            self._sent_rates = rates
            self.on_rates(rates)

    def publish_frame(self, data: bytes) -> None:
        """Publish a preview frame to the viewers. Raise ValueError if the bytes are not a valid preview frame."""
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
        """Publish a status to the viewers, with times converted to the server's clock."""
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
        """Publish telemetry to the viewers; names and units of values are kept for later viewers."""
        if isinstance(rig_time_s := message.get("t"), int | float):
            self.clock.heard(rig_time_s)
        rows = {key: value for key, value in message.items() if key not in ("names", "units")}
        if names := message.get("names"):
            units = message.get("units") or {}
            self.names = wire_text({"type": "telemetry", "names": names, "units": units, "rows": []})
            for viewer in self.viewers:
                viewer.offer_names(self.names)
        text = wire_text(rows)
        for viewer in self.viewers:
            viewer.offer_telemetry(text)

    def go_offline(self) -> None:
        """Publish an offline status, unless the rig is offline already."""
        if self.online:
            last = self.status or {}
            kept_fields: dict[str, Any] = {key: last[key] for key in ("disk", "cameras", "inputs") if key in last}
            offline = offline_status(self.name, cut_off=last.get("take"))
            self.publish_status({**offline, **kept_fields, "since": time.time()})


class Hub:
    """All feeds of this process."""

    def __init__(self) -> None:
        self.feeds: dict[str, Feed] = {}
        self.on_watch: Callable[[Feed], None] | None = None  # of the relay
        self._ticker: asyncio.Task[None] | None = None

    def feed(self, name: str) -> Feed:
        """Return the feed of the rig, creating it if necessary."""
        feed = self.feeds.get(name)
        if feed is None:
            feed = self.feeds[name] = Feed(name)
            if self._ticker is None or self._ticker.done():
                self._ticker = asyncio.get_running_loop().create_task(self._tick())
        return feed

    def attach(self, name: str, on_rates: Callable[[CameraRates], None], on_stop: Stop | None = None) -> Feed:
        """Attach a rig's socket; `on_rates` is called at once and whenever the watched cameras change."""
        feed = self.feed(name)
        feed.on_rates, feed.on_stop = on_rates, on_stop
        feed.names = None
        feed.clock = RigClock()
        feed.send_rates(always=True)
        return feed

    def detach(self, name: str, on_rates: Callable[[CameraRates], None]) -> None:
        """Detach the rig's socket, unless another one has replaced it."""
        feed = self.feeds.get(name)
        if feed is not None and feed.on_rates == on_rates:
            feed.on_rates = feed.on_stop = None
            feed.go_offline()
            self._drop_if_idle(feed)

    def join(self, name: str, viewer: Viewer) -> Feed:
        """Add a viewer to the rig's feed; the viewer gets the last status and names."""
        feed = self.feed(name)
        feed.viewers.add(viewer)
        if feed.status is not None:
            viewer.offer_status(wire_text(feed.status))
        if feed.names is not None:
            viewer.offer_names(feed.names)
        self._call_on_watch(feed)
        return feed

    def watch(self, name: str, viewer: Viewer, rates: CameraRates) -> None:
        """Set the cameras that the viewer watches and the frames per second of each."""
        viewer.camera_rates = rates
        if feed := self.feeds.get(name):
            feed.send_rates()
            self._call_on_watch(feed)

    def _call_on_watch(self, feed: Feed) -> None:
        if self.on_watch is not None:
            self.on_watch(feed)

    def leave(self, name: str, viewer: Viewer) -> None:
        """Remove the viewer from the rig's feed."""
        feed = self.feeds.get(name)
        if feed is not None:
            feed.viewers.discard(viewer)
            feed.send_rates()
            self._drop_if_idle(feed)

    def _drop_if_idle(self, feed: Feed) -> None:
        if not feed.viewers and feed.on_rates is None:
            self.feeds.pop(feed.name, None)

    async def _tick(self) -> None:
        while self.feeds:
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            for feed in list(self.feeds.values()):
                if feed.online and now - feed.heard_at > SILENT_S:
                    feed.go_offline()


hub = Hub()
