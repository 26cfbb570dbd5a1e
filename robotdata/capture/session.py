"""Run the control loop's devices from connect to disconnect, even if they raise errors or hang.

A call that hangs cannot be interrupted. So another thread (`watch`) closes the session, and the devices' thread checks
before each call that the session is open: once the late call returns, that thread may only disconnect the device.

An emergency stop (`stop_now`) closes the session in the same way, from any thread: no further action is sent. The
devices' thread then calls the drivers' `emergency_stop`, because most buses allow one caller at a time. If a call keeps
that thread longer than GRACE_S, another thread calls it.
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
GRACE_S = 0.1
_CHECKS_PER_TIMEOUT = 20
_POLL_S = 0.002
_LAST_CALLS = ("emergency_stop", "disconnect")
"""The calls that a closed session still makes."""
_SLOW_CALLS = ("connect", "reset")
"""The calls that may take `Timeouts.connect_s`."""
_MOST_REPORTED = 200
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that a device may take to connect, and to answer any other call."""

    connect_s: float = 30.0
    answer_s: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class NamedDevice:
    """A driver with its name in messages: `robot`, `teleoperator`, `camera front`.

    `key` is the feature of a camera, None for other devices. `answer_s` is the timeout of the driver's calls where
    that is longer than `Timeouts.answer_s`: a camera, which moves nothing, may be slow.
    """

    name: str
    driver: Any
    key: str | None = None
    answer_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a session ended: the name of the device, the reason for a person, and the key of a camera.

    `hangs`: the device has not answered, instead of raising an error.
    """

    device_name: str
    reason: str
    key: str | None = None
    hangs: bool = False


@dataclass(slots=True, eq=False)
class Call:
    """A call of a device that has not returned: its start (unix seconds), and the seconds that `watch` counted."""

    device: NamedDevice
    method: str
    since: float
    waited_s: float = 0.0
    timed_out: bool = False


class DeviceFailed(Exception):
    """A device raised an error, or returned invalid data; `failure` says which and why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class SessionClosed(Exception):
    """The session ended before or during a call."""


class Tracebacks:
    """Logs the traceback of each unexpected error of a device once, not again at every retry."""

    def __init__(self) -> None:
        self._reported: set[tuple[str, str]] = set()

    def report(self, name: str, method: str, error: BaseException) -> str:
        """Return the error as text for a person; log its traceback unless it is a DeviceError or was logged before."""
        reason = describe_error(error)
        if isinstance(error, DeviceError):
            return reason
        if (name, reason) not in self._reported:
            if len(self._reported) >= _MOST_REPORTED:
                self._reported.clear()
            self._reported.add((name, reason))
            log.error("%s: %s has raised %s", name, method, reason, exc_info=error)
        return f"{method} has raised {reason}"


def describe_error(error: BaseException) -> str:
    """Return an exception as text: the message of a DeviceError, the type and message of any other."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  a driver's own exception class may raise anything
        text = ""
    if isinstance(error, DeviceError) and text:
        return text
    return f"{name}: {text}" if text else name


class Session:
    """Connects `devices` in their order, runs `work`, and disconnects them in the opposite order.

    `failure` is the first one, or None. Every method except `call` may be used from any thread.
    """

    def __init__(self, devices: Sequence[NamedDevice], timeouts: Timeouts, tracebacks: Tracebacks) -> None:
        self.failure: Failure | None = None
        self.ending = threading.Event()
        self._devices = list(devices)
        self._timeouts, self._tracebacks = timeouts, tracebacks
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._open = True
        self._working = False
        self._to_release: list[NamedDevice] = []
        self._half_connected: NamedDevice | None = None
        self._release_due = False
        self._unreleased: dict[str, str] = {}
        self._unstopped: dict[str, str] = {}
        self._stop_due = self._stop_begun = False
        self._to_stop: list[NamedDevice] = []
        self._watched_at = clock.monotonic()
        self._threads: list[threading.Thread] = []

    def start(self, work: Callable[[], None]) -> None:
        """Begin, in a thread of its own. Raises RuntimeError if the system cannot start one."""
        thread = threading.Thread(target=self._run, args=(work,), name="control-loop", daemon=True)
        self._threads.append(thread)
        thread.start()

    # -- the session's state, for other threads

    @property
    def working(self) -> bool:
        """Return whether every device is connected and `work` runs."""
        return self._working and self._open and self._threads[0].is_alive()

    @property
    def ended(self) -> bool:
        """Return whether every device is disconnected and no call hangs."""
        return not any(thread.is_alive() for thread in list(self._threads)) and not self._release_due

    @property
    def stuck(self) -> bool:
        """Return whether only calls that hang are left: every other device is disconnected."""
        with self._lock:
            hanging = sum(call.timed_out for call in self._calls)
        return not self._release_due and hanging == sum(thread.is_alive() for thread in list(self._threads))

    @property
    def calls(self) -> list[Call]:
        """Return the calls that have not returned."""
        with self._lock:
            return list(self._calls)

    @property
    def unreleased(self) -> dict[str, str]:
        """Return the connected devices that failed to disconnect: name -> reason."""
        with self._lock:
            return dict(self._unreleased)

    @property
    def unstopped(self) -> dict[str, str]:
        """Return the devices whose `emergency_stop` failed or does not return: name -> reason."""
        with self._lock:
            return dict(self._unstopped)

    # -- for the devices' thread

    def call(self, device: NamedDevice, method: str, *args: Any, check: Callable[[Any], Result] | None = None) -> Any:
        """Call `method` of the device and return its result after `check`, which may raise DeviceError.

        Raises DeviceFailed if either raises, SessionClosed if the session has ended before or during the call.
        """
        call = Call(device, method, clock.wall())
        with self._lock:
            if not self._open and method not in _LAST_CALLS:
                raise SessionClosed
            self._calls.append(call)
        try:
            result = getattr(device.driver, method)(*args)
            if check is not None:
                result = check(result)
        except BaseException as error:
            reason = self._tracebacks.report(device.name, method, error)
            raise DeviceFailed(Failure(device.name, reason, device.key)) from error
        finally:
            with self._lock:
                self._calls.remove(call)
                still_open = self._open
            if call.timed_out:
                log.warning("%s: %s has returned after %.1f s", device.name, method, clock.wall() - call.since)
        if not still_open and method not in _LAST_CALLS:
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
            self._fail(Failure("rig", f"internal error: {describe_error(error)}"))
        finally:
            self._close()
            self._stop_devices()
            self._release()

    def _connect(self) -> None:
        for device in self._devices:
            with self._lock:
                if self.ending.is_set():
                    raise SessionClosed
                self._to_release.append(device)  # before `connect`, which may fail after it connected a part
            try:
                self.call(device, "connect")
            except DeviceFailed:
                self._half_connected = device
                raise
        self._working = True

    # -- the end

    def end(self) -> None:
        """Ask `work` to end, after which the devices are disconnected; return at once."""
        self.ending.set()

    def stop_now(self, failure: Failure) -> None:
        """End the session for an emergency: no action follows, devices stop and disconnect; return at once.

        `failure` says so, unless the session failed before. A second call has no effect.
        """
        self._fail(failure)
        self.ending.set()
        with self._lock:
            if self._stop_due:
                return
            self._stop_due = True
        thread = threading.Thread(target=self._stop_elsewhere, name="emergency-stop", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread left: the devices' own thread still stops them
            log.warning("only the control loop's own thread can stop the devices: %s", error)
            return
        self._threads.append(thread)

    def _stop_elsewhere(self) -> None:
        """Stop and release the devices here if the devices' own thread is kept by a call."""
        end = clock.monotonic() + GRACE_S
        while clock.monotonic() < end and not self._stop_begun and self._threads[0].is_alive():
            clock.pause(_POLL_S)
        self._stop_devices()
        self._release()

    def _stop_devices(self) -> None:
        """Call `emergency_stop` of each connected device that has it, the last connected first; only once."""
        with self._lock:
            if not self._stop_due or self._stop_begun:
                return
            self._stop_begun = True
            self._to_stop = [each for each in self._to_release if hasattr(each.driver, "emergency_stop")]
        for device in reversed(list(self._to_stop)):
            try:
                self.call(device, "emergency_stop")
            except DeviceFailed as error:
                log.error("%s: emergency_stop has failed: %s", device.name, error)
                with self._lock:
                    self._unstopped[device.name] = str(error)
            else:
                with self._lock:
                    self._unstopped.pop(device.name, None)
            with self._lock:
                self._to_stop.remove(device)

    def watch(self) -> None:
        """End the session if a call takes too long. Call it often, from a thread that calls no device.

        A long gap between two calls counts as one short step: the machine was suspended or overloaded then, which is
        not a fault of the device.
        """
        with self._lock:
            now = clock.monotonic()
            longest_step_s = self._timeouts.answer_s / _CHECKS_PER_TIMEOUT
            step, self._watched_at = min(now - self._watched_at, longest_step_s), now
            for call in self._calls:
                call.waited_s += step
            late = [call for call in self._calls if call.waited_s >= self._timeout_s(call) and not call.timed_out]
            for call in late:
                call.timed_out = True
            if late:
                self._open = False
                self._release_due = True
        for call in late:
            reason = f"{call.method} has not answered for {self._timeout_s(call):g} s"
            if call.method in _LAST_CALLS:
                with self._lock:
                    late_by_name = self._unreleased if call.method == "disconnect" else self._unstopped
                    late_by_name[call.device.name] = reason
            self._fail(Failure(call.device.name, reason, call.device.key, hangs=True))
        if self._release_due:
            self._release_elsewhere()

    def _timeout_s(self, call: Call) -> float:
        connecting = call.method in _SLOW_CALLS and not self.ending.is_set()
        return self._timeouts.connect_s if connecting else max(self._timeouts.answer_s, call.device.answer_s)

    def _fail(self, failure: Failure) -> None:
        with self._lock:
            self._open = False
            if self.failure is None:
                self.failure = failure

    def _close(self) -> None:
        with self._lock:
            self._open = False

    def _release_elsewhere(self) -> None:
        """Disconnect every device that does not hang, in a thread of its own."""
        thread = threading.Thread(target=self._release, name="device-release", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread left: the next `watch` tries again
            log.warning("cannot release the devices yet: %s", error)
            return
        self._threads.append(thread)
        self._release_due = False

    def _release(self) -> None:
        """Disconnect the devices, the last connected first: that is the robot, which moves."""
        while (device := self._next_to_release()) is not None:
            try:
                self.call(device, "disconnect")
            except DeviceFailed as error:
                log.warning("cannot disconnect %s: %s", device.name, error)
                if device is not self._half_connected:
                    with self._lock:
                        self._unreleased[device.name] = str(error)
            else:
                with self._lock:
                    self._unreleased.pop(device.name, None)

    def _next_to_release(self) -> NamedDevice | None:
        with self._lock:
            busy = [*(call.device for call in self._calls), *self._to_stop]
            free = [device for device in self._to_release if device not in busy]
            if not free:
                return None
            self._to_release.remove(free[-1])
            return free[-1]
