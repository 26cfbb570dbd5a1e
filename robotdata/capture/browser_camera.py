"""The camera kind `browser`: a page on a phone or laptop sends its camera's JPEGs, stamped by the rig's clock."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from robotdata.capture import clock
from robotdata.capture.devices import DeviceContext, Picture
from robotdata.capture.errors import ConfigError, DeviceError
from robotdata.capture.inputs import InputError, Inputs, Sender
from robotdata.capture.options import Options
from robotdata.video.jpeg import ImageError, jpeg_size

CONNECT_S, FRAME_S = 0.5, 2.0
TAKEN_S = 2.0
"""So long after its last frame a page keeps the camera; then another may send."""
_OLDEST_S = 2.0
_TRIPS = 100


class Delay:
    """Estimates how long a frame was on its way, in seconds, from round trips by the rig's clock.

    A page echoes the rig's last answer with its frame. The quickest round trip is twice the way of a small message;
    what a later one takes more, the frame itself took on its way here.
    """

    def __init__(self) -> None:
        self._trips: deque[float] = deque(maxlen=_TRIPS)

    def of(self, now: float, echo: float | None, held_s: float) -> float:
        """Return the delay of a frame that came `now`, `held_s` after its page had the answer `echo`."""
        trip = math.inf if echo is None else now - echo - held_s
        if not 0 <= trip <= _OLDEST_S:
            return min(self._trips, default=0.0) / 2
        self._trips.append(trip)
        return trip - min(self._trips) / 2


class BrowserCamera:
    """Keeps the newest frame that a page sent; `read` waits for the next. One page at a time."""

    def __init__(self, context: DeviceContext, page: str) -> None:
        self._size = context.width, context.height
        self._page = page
        self._changed = threading.Condition()
        self._newest: tuple[int, bytes] | None = None  # captured_ns, JPEG
        self._captured_ns = 0
        self._sender: Sender | None = None
        self._heard_at = -math.inf
        self._delay = Delay()

    def connect(self) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._newest is not None, CONNECT_S):
                raise DeviceError(f"no phone or laptop sends its pictures: open {self._page} on one")

    def read(self) -> Picture:
        with self._changed:
            if not self._changed.wait_for(lambda: self._newest is not None, FRAME_S) or self._newest is None:
                raise DeviceError(f"the page {self._page} has sent no picture for {FRAME_S:g} s: look at that device")
            (captured_ns, packet), self._newest = self._newest, None
            return Picture(captured_ns, packet=packet)

    def disconnect(self) -> None:
        with self._changed:
            self._newest = None

    def hear(self, sender: Sender, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take a frame: `jpeg`, `age_s` since it was captured, `echo` and `held_s` as in `Delay`. Raises InputError."""
        now = clock.monotonic()
        answer = {"seq": _number(body, "seq", 2**53), "clock": now}
        with self._changed:
            if self._sender is None or self._sender.id != sender.id:
                if self._sender is not None and now - self._heard_at < TAKEN_S:
                    return answer | {"state": "taken", "by": self._sender.name}
                self._sender, self._delay = sender, Delay()
            if body.get("bye") is True:
                self._sender = None
                return answer | {"state": "free"}
            jpeg = body.get("jpeg")
            if jpeg is None:  # the first message, which asks for the rig's clock
                self._heard_at = now
                return answer | {"state": "ready"}
            self._check(jpeg)
            echo = None if body.get("echo") is None else _number(body, "echo", 1e12)
            age_s = min(_number(body, "age_s", 60), _OLDEST_S)
            captured_s = now - age_s - self._delay.of(now, echo, _number(body, "held_s", 3600))
            self._captured_ns = max(self._captured_ns + 1, round(captured_s * 1e9))
            self._newest, self._heard_at = (self._captured_ns, jpeg), now
            self._changed.notify_all()
        return answer | {"state": "sending"}

    def _check(self, jpeg: Any) -> None:
        if not isinstance(jpeg, bytes):
            raise InputError("a frame must be a JPEG")
        try:
            size = jpeg_size(jpeg)
        except ImageError as error:
            raise InputError(f"a frame is not a valid JPEG: {error}") from error
        if size != self._size:
            wanted = f"{self._size[0]}x{self._size[1]}"
            raise InputError(f"a frame has {size[0]}x{size[1]} pixels, want {wanted}: reload the page")


def _number(body: Mapping[str, Any], name: str, most: float) -> float:
    value = body.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise InputError(f"{name} is {value!r:.40}, want a number from 0 to {most:g}")
    return value


def make_browser(context: DeviceContext, options: Options) -> BrowserCamera:
    """Return the camera; it has no keys of its own. Raises ConfigError for depth and `rotate`."""
    if context.depth:
        raise ConfigError(f"{options.where}.depth", "is true, but a browser sends colour; use another kind for depth")
    if context.rotate:
        problem = "is set, but a browser turns its pictures itself; remove it, and turn the device"
        raise ConfigError(f"{options.where}.rotate", problem)
    camera = BrowserCamera(context, f"/camera/{context.rig}/{context.name}/")
    Inputs.of(context.shared).serve(f"observation.images.{context.name}", None, camera.hear)
    return camera
