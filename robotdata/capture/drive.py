"""Who drives a robot from a browser and what the driver asks for now: one driver, who holds and whom the rig hears."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from robotdata.capture import clock
from robotdata.capture.inputs import InputError, Sender

SILENT_S = 0.2
"""A command is dropped when the rig has heard nothing from its driver for so long."""
LATE_S = 0.4
"""A command counts only if its browser had an answer of the rig that is at most so old."""
AWAY_S = 1.0
"""A browser that holds must let go before it drives again once the rig has had no word in time for so long."""
_HANDS = 64
_LARGEST, _LARGEST_NUMBER = 1e9, 1e12


@dataclass(frozen=True, slots=True)
class Drive:
    """A message of a browser that drives.

    `targets` are positions in the joint's unit and `rates` from -1 to 1, by joint. `echo` is the newest `clock` that
    the browser had from the rig, None before the first.
    """

    seq: int
    hold: bool
    take_over: bool
    echo: float | None
    targets: Mapping[str, float]
    rates: Mapping[str, float]


def parse_drive(body: Mapping[str, Any], joints: Collection[str]) -> Drive:
    """Return the checked message. Raises InputError, naming what is wrong, also for a joint that is not in `joints`."""
    seq = body.get("seq")
    if isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq < 2**53:
        raise InputError(f"seq is {seq!r:.40}, want a whole number from 0")
    echo = body.get("echo")
    if echo is not None and not _is_number(echo):
        raise InputError(f"echo is {echo!r:.40}, want the rig's newest clock or null")
    return Drive(
        seq=seq,
        hold=_flag(body, "hold"),
        take_over=_flag(body, "take_over"),
        echo=None if echo is None else float(echo),
        targets=_numbers(body, "targets", joints, _LARGEST),
        rates=_numbers(body, "rates", joints, 1.0),
    )


@dataclass(slots=True)
class _Hand:
    """A browser's: whether it held when it was last heard, and when its last word in time came.

    `barred` says that it must let go first; if it is False, a take-over helps too.
    """

    holds: bool = False
    heard_at: float = 0.0
    barred: bool | None = None

    def hold_on(self, message: Drive, now: float) -> bool:
        """Note that it holds; return whether it says so in time."""
        if not self.holds:
            self.holds, self.heard_at = True, now
        elif now - self.heard_at > AWAY_S:
            self.barred = True
        in_time = message.echo is not None and 0 <= now - message.echo <= LATE_S
        if in_time:
            self.heard_at = now
        return in_time


class Desk:
    """The place of the driver, kept while the driver holds and the rig hears from that browser.

    Another browser may drive after that, or takes over with a confirmation. A browser that was refused or lost the
    place while holding must let go first, so that nobody begins to drive because another one stops. So must one that
    was away while it held, or holds when it is first heard: nothing moves because a network is back. Any thread may
    call any method.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._driver: Sender | None = None
        self._newest: Drive | None = None
        self._heard_at = -math.inf
        self._epoch = 0
        self._hands: OrderedDict[str, _Hand] = OrderedDict()  # by sender, the one heard last at the end

    def hear(self, sender: Sender, message: Drive) -> dict[str, Any]:
        """Take note of a message; return what it changed, as `state`, and who drives now.

        `state` is `driving`, `free` (nobody drives), `taken` (somebody else does), `release` (this browser must let go
        first) or `late` (the message was too long on its way and has no effect).
        """
        with self._lock:
            now = clock.monotonic()
            state = self._state(sender, message, now)
            driver = self._driver if self._is_driven(now) else None
            return {
                "seq": message.seq,
                "clock": now,
                "state": state,
                "driver": driver.name if driver else None,
                "yours": driver is not None and driver.id == sender.id,
            }

    def command(self) -> tuple[int, Drive] | None:
        """Return what the driver asks for now, with a number that changes whenever driving begins; None if nobody."""
        with self._lock:
            if self._newest is None or not self._is_driven(clock.monotonic()):
                return None
            return self._epoch, self._newest

    def clear(self) -> None:
        """End the lease; who holds must let go first."""
        with self._lock:
            if self._driver is not None:
                self._hand(self._driver).barred = True
            self._driver = self._newest = None

    def _state(self, sender: Sender, message: Drive, now: float) -> str:
        is_driven = self._is_driven(now)
        is_driver = self._driver is not None and self._driver.id == sender.id
        hand = self._hand(sender)
        if not message.hold:
            hand.holds, hand.barred = False, None
            if is_driver:
                self._driver = self._newest = None
            return "taken" if is_driven and not is_driver else "free"
        if not hand.hold_on(message, now):
            return "late"
        if hand.barred or (hand.barred is not None and not message.take_over and not is_driven):
            return "release"
        if is_driven and not is_driver:
            if not message.take_over:
                hand.barred = False
                return "taken"
            if self._driver is not None:
                self._hand(self._driver).barred = True
        if not (is_driven and is_driver):
            self._epoch += 1
        hand.barred = None
        self._driver, self._newest, self._heard_at = sender, message, now
        return "driving"

    def _is_driven(self, now: float) -> bool:
        return self._driver is not None and now - self._heard_at <= SILENT_S

    def _hand(self, sender: Sender) -> _Hand:
        """Return what is known of this browser. One that is new, or was forgotten, must let go first."""
        hand = self._hands.setdefault(sender.id, _Hand(barred=True))
        self._hands.move_to_end(sender.id)
        if len(self._hands) > _HANDS:
            self._hands.popitem(last=False)
        return hand


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise InputError(f"{name} is {value!r:.40}, want true or false")
    return value


def _numbers(body: Mapping[str, Any], name: str, joints: Collection[str], most: float) -> dict[str, float]:
    values = body.get(name, {})
    if not isinstance(values, Mapping) or len(values) > len(joints):
        raise InputError(f"{name} must be an object of at most {len(joints)} joints")
    for joint, value in values.items():
        if joint not in joints:
            raise InputError(f"{name} has {joint!r:.60}, which is not a joint of this robot")
        if not _is_number(value) or abs(value) > most:
            raise InputError(f"{name}.{joint} is {value!r:.40}, want a number from {-most:g} to {most:g}")
    return {joint: float(value) for joint, value in values.items()}


def _is_number(value: Any) -> bool:
    # By a comparison, which NaN fails too: a whole number of 400 digits fits no float, and `isfinite` raises for it.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST_NUMBER
