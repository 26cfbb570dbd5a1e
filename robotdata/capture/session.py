"""One connection of the loop's devices, from connect to disconnect, whatever they raise and however long they take.

A call that hangs cannot be ended. So the devices' thread asks before each call whether the session is still open, and
another thread (`watch`) closes it: when the late call returns, that thread may only let go of its device.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from robotdata.capture import clock
from robotdata.capture.errors import DeviceError

log = logging.getLogger(__name__)
_LOOKS = 20
_MOST_REPORTED = 200
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many seconds a device may take to connect, and to answer any other call."""

    connect_s: float = 30.0
    answer_s: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A device with the name that people know it by: `robot`, `teleoperator`, `camera front`.

    `key` is the feature of a camera. `answer_s` is how long the device says it may take, where that is longer than
    usual: one that moves nothing may.
    """

    name: str
    device: Any
    key: str | None = None
    answer_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """What ended a session: the device's name, a camera's key, and the reason in words."""

    part: str
    reason: str
    key: str | None = None
    hangs: bool = False


@dataclass(slots=True, eq=False)
class Call:
    """A call of a device that has not returned; `since` is unix time, `waited_s` how long it was seen to wait."""

    part: Part
    method: str
    since: float
    waited_s: float = 0.0
    given_up: bool = False


class DeviceFailed(Exception):
    """A device has raised something, or given what is no answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class SessionClosed(Exception):
    """The session has ended while a call was under way."""


class Tracebacks:
    """Logs the traceback of a device's own error once, and one line each time after that."""

    def __init__(self) -> None:
        self._reported: set[tuple[str, str]] = set()

    def report(self, name: str, method: str, error: BaseException) -> str:
        """The error in words. A DeviceError speaks for itself; of any other kind the log gets the traceback."""
        reason = words_of(error)
        if isinstance(error, DeviceError):
            return reason
        if (name, reason) not in self._reported:
            if len(self._reported) >= _MOST_REPORTED:
                self._reported.clear()
            self._reported.add((name, reason))
            log.error("%s: %s has raised %s", name, method, reason, exc_info=error)
        return f"{method} has raised {reason}"


def words_of(error: BaseException) -> str:
    """An exception as text: a DeviceError's own words, of all others the type as well."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  a device's own class may do anything
        text = ""
    if isinstance(error, DeviceError) and text:
        return text
    return f"{name}: {text}" if text else name


class Session:
    """Connects `parts` in their order, runs `work`, and lets go of them in the opposite order.

    `failure` is the first thing that went wrong. Everything but `call` may be used from any thread.
    """

    def __init__(self, parts: Sequence[Part], limits: Limits, tracebacks: Tracebacks) -> None:
        self.failure: Failure | None = None
        self.ending = threading.Event()
        self._parts = list(parts)
        self._limits, self._tracebacks = limits, tracebacks
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._open = True
        self._working = False
        self._to_release: list[Part] = []
        self._half_connected: Part | None = None
        self._release_due = False
        self._unreleased: dict[str, str] = {}
        self._looked = clock.monotonic()
        self._threads: list[threading.Thread] = []

    def start(self, work: Callable[[], None]) -> None:
        """Begin, in a thread of its own. Raises RuntimeError where the system gives none."""
        thread = threading.Thread(target=self._run, args=(work,), name="control-loop", daemon=True)
        self._threads.append(thread)
        thread.start()

    # -- what others see

    @property
    def working(self) -> bool:
        """Whether every device is connected and `work` runs."""
        return self._working and self._open and self._threads[0].is_alive()

    @property
    def over(self) -> bool:
        """Whether nothing of it is left: each device was let go of, and no call hangs."""
        return not any(thread.is_alive() for thread in list(self._threads)) and not self._release_due

    @property
    def stuck(self) -> bool:
        """Whether all that is left of it are calls that hang: every other device was let go of."""
        with self._lock:
            hanging = sum(call.given_up for call in self._calls)
        return not self._release_due and hanging == sum(thread.is_alive() for thread in list(self._threads))

    @property
    def calls(self) -> list[Call]:
        """The calls that have not returned."""
        with self._lock:
            return list(self._calls)

    @property
    def unreleased(self) -> dict[str, str]:
        """The devices that were connected and could not be told to disconnect, and why."""
        with self._lock:
            return dict(self._unreleased)

    # -- for the thread of the devices

    def call(self, part: Part, method: str, *args: Any, check: Callable[[Any], Result] | None = None) -> Any:
        """What `method` of the device gives, passed through `check`, which raises DeviceError where it is no answer.

        Raises DeviceFailed, and SessionClosed where the session has ended before or meanwhile.
        """
        call = Call(part, method, clock.wall())
        with self._lock:
            if not self._open and method != "disconnect":
                raise SessionClosed
            self._calls.append(call)
        try:
            result = getattr(part.device, method)(*args)
            if check is not None:
                result = check(result)
        except BaseException as error:
            reason = self._tracebacks.report(part.name, method, error)
            raise DeviceFailed(Failure(part.name, reason, part.key)) from error
        finally:
            with self._lock:
                self._calls.remove(call)
                open_still = self._open
            if call.given_up:
                log.warning("%s: %s has returned after %.1f s", part.name, method, clock.wall() - call.since)
        if not open_still and method != "disconnect":
            raise SessionClosed
        return result

    def _run(self, work: Callable[[], None]) -> None:
        try:
            self._connect()
            work()
        except SessionClosed:
            pass
        except DeviceFailed as error:
            self._fail(error.failure)
        except BaseException as error:
            log.exception("the control loop")
            self._fail(Failure("rig", f"internal error: {words_of(error)}"))
        finally:
            self._close()
            self._release()

    def _connect(self) -> None:
        for part in self._parts:
            with self._lock:
                if self.ending.is_set():
                    raise SessionClosed
                self._to_release.append(part)  # before it is connected: half of it may be
            try:
                self.call(part, "connect")
            except DeviceFailed:
                self._half_connected = part
                raise
        self._working = True

    # -- the end

    def end(self) -> None:
        """Ask `work` to end, and the devices to be let go of after it; returns at once."""
        self.ending.set()

    def watch(self) -> None:
        """End the session where a call takes too long; to be called often, by a thread that calls no device.

        Time in which nobody watched hardly counts: it is the machine that was away then, not the device.
        """
        with self._lock:
            now = clock.monotonic()
            step, self._looked = min(now - self._looked, self._limits.answer_s / _LOOKS), now
            for call in self._calls:
                call.waited_s += step
            late = [call for call in self._calls if call.waited_s >= self._limit(call) and not call.given_up]
            for call in late:
                call.given_up = True
            if late:
                self._open = False
                self._release_due = True
        for call in late:
            reason = f"{call.method} has not answered for {self._limit(call):g} s"
            if call.method == "disconnect":
                with self._lock:
                    self._unreleased[call.part.name] = reason
            self._fail(Failure(call.part.name, reason, call.part.key, hangs=True))
        if self._release_due:
            self._release_elsewhere()

    def _limit(self, call: Call) -> float:
        slow = call.method == "connect" and not self.ending.is_set()
        return self._limits.connect_s if slow else max(self._limits.answer_s, call.part.answer_s)

    def _fail(self, failure: Failure) -> None:
        with self._lock:
            self._open = False
            if self.failure is None:
                self.failure = failure

    def _close(self) -> None:
        with self._lock:
            self._open = False

    def _release_elsewhere(self) -> None:
        """Let go of every device that does not hang, in a thread of its own."""
        thread = threading.Thread(target=self._release, name="let-go", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the machine has no thread left: `watch` tries it again
            log.warning("cannot release the devices yet: %s", error)
            return
        self._threads.append(thread)
        self._release_due = False

    def _release(self) -> None:
        """Disconnect what nobody has disconnected; the last connected first, which is what moves."""
        while (part := self._next_to_release()) is not None:
            try:
                self.call(part, "disconnect")
            except DeviceFailed as error:
                log.warning("cannot tell %s to stop: %s", part.name, error)
                if part is not self._half_connected:
                    with self._lock:
                        self._unreleased[part.name] = str(error)
            else:
                with self._lock:
                    self._unreleased.pop(part.name, None)

    def _next_to_release(self) -> Part | None:
        with self._lock:
            busy = [call.part for call in self._calls]
            free = [part for part in self._to_release if part not in busy]
            if not free:
                return None
            self._to_release.remove(free[-1])
            return free[-1]
