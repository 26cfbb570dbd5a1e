"""Looks after a rig's devices: connects them, notices what is wrong with each, and says it once in the terminal."""

from __future__ import annotations

import logging

from robotdata.capture import clock
from robotdata.capture.camera_thread import CameraThread
from robotdata.capture.errors import DeviceError
from robotdata.capture.session import Failure
from robotdata.rig.problems import Problem, sentences
from robotdata.rig.rig import Rig

log = logging.getLogger(__name__)
FIRST_FRAMES_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
_SAID_AGAIN_S = 60.0
LOST = {"robot": "robot_lost", "teleoperator": "teleoperator_lost", "rig": "rig_failed"}


class DeviceWatch:
    """Asked at every step of the machine; it calls no device itself, so nothing that hangs can hold it up."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._refused: Problem | None = None
        self._begun = False
        self._due = 0.0
        self._pause = 0.0
        self._frames_due: float | None = None
        self._since: dict[str, float] = {}
        self._texts: dict[str, str] = {}
        self._told: set[str] = set()
        self._slow: set[str] = set()
        self._said_at: dict[tuple[str, str], float] = {}

    # -- connecting

    def begin(self) -> None:
        """Another try to connect begins; `connect` makes it."""
        self._begun, self._refused, self._frames_due = False, None, None

    def connect(self) -> bool:
        """One step of a try; True once the loop runs and every camera has shown something, or had its time."""
        loop, now = self._rig.loop, clock.monotonic()
        if not self._begun:
            if now < self._due or not (loop.ended or loop.hanging):
                return False
            self._begun = True
            self._start()
            return False
        if not loop.running:
            return False
        if self._frames_due is None:
            self._frames_due = now + FIRST_FRAMES_S
        if now < self._frames_due and self.missing():
            return False
        self._pause = 0.0
        return True

    @property
    def wait_s(self) -> float:
        """How long it is until the next try."""
        return 0.0 if self._begun else max(0.0, self._due - clock.monotonic())

    def _start(self) -> None:
        hanging = self._rig.loop.hanging
        try:
            self._rig.loop.start()
        except DeviceError as error:
            names = " and ".join(f"{call.method} of the {call.part.name}" for call in hanging)
            device = hanging[0].part if hanging else None
            failure = Failure(
                device.name if device else "rig",
                f"{error} ({names})" if names else str(error),
                device.key if device else None,
            )
            self._refused = self._lost(failure, remedy="Power-cycle it, or restart the rig")
        except RuntimeError as error:
            reason = f"this machine cannot start more threads ({error})"
            self._refused = self._lost(Failure("rig", reason), remedy="End other programs, then clear the error")

    # -- what is wrong

    def lost(self, *, connecting: bool) -> Problem | None:
        """Why no loop runs; None while it runs, or is about to."""
        loop = self._rig.loop
        if connecting and not self._begun:
            return None
        failure = loop.failure
        problem = self._refused
        if problem is None and failure is not None:
            problem = self._lost(failure)
        elif problem is None and not connecting and not loop.running:
            problem = self._lost(Failure("rig", "its control loop stopped"))
        if problem is not None and connecting:  # it was never there: the next try waits a little longer
            self._pause = min(max(FIRST_PAUSE_S, 2 * self._pause), LONGEST_PAUSE_S)
            self._due = clock.monotonic() + self._pause
        return problem

    def _lost(self, failure: Failure, remedy: str | None = None) -> Problem:
        device, rig = failure.part, self._rig.config.name
        code = LOST.get(device, "camera_lost")
        remedy = remedy or f"Check the {device}, then clear the error"
        name = device[0].upper() + device[1:]
        text = f"Rig {rig}: {failure.reason}" if device == "rig" else f"{name} of rig {rig}: {failure.reason}"
        return Problem(code, device, failure.reason, remedy, clock.wall(), failure.key, sentences(text, remedy))

    def missing(self) -> list[Problem]:
        """The cameras that give nothing to record."""
        now, running = clock.monotonic_ns(), self._rig.loop.running
        found = []
        for camera in self._rig.cameras:
            reason = camera.missing(now)
            if reason is not None and (running or not camera.is_ticked):
                found.append(self._missing(camera, reason))
        return found

    def _missing(self, camera: CameraThread, reason: str) -> Problem:
        name, remedy = camera.part.name, "Check its cable and the rig file; reconnecting automatically"
        since = self._since.get(name, clock.wall())
        text = sentences(f"{name[0].upper()}{name[1:]} is not available: {reason}", remedy)
        return Problem("camera_missing", name, reason, remedy, since, camera.key, text)

    # -- what the terminal says

    def notice(self, error: Problem | None, *, connecting: bool) -> None:
        """Look at every device; say in the terminal what has changed since the last time."""
        self._rig.loop.watch()
        found = {problem.device: problem for problem in self.missing() if self._is_sure(problem)}
        if error is not None:
            found[error.device] = error
        for device in [] if connecting else [each for each in self._since if each not in found]:
            del self._since[device], self._texts[device]
            if device in self._told:
                self._told.remove(device)
                log.info("%s of rig %s is back", device, self._rig.config.name)
        self._notice_slow({problem.camera for problem in found.values()})
        for device, problem in found.items():
            self._since.setdefault(device, clock.wall())
            if self._texts.get(device) != problem.text:
                self._texts[device] = problem.text
                self._say(device, problem.text)

    def _notice_slow(self, gone: set[str | None]) -> None:
        """Say once that a camera is slower than it should be, and once that it is not any more."""
        for camera in self._rig.cameras:
            words, rig = None if camera.key in gone else camera.slow_words(), self._rig.config.name
            if words is not None and camera.key not in self._slow:
                self._slow.add(camera.key)
                log.warning("%s", words)
            elif words is None and camera.key in self._slow:
                self._slow.remove(camera.key)
                if camera.key not in gone:
                    log.info("Camera %s of rig %s is as fast as it should be", camera.config.name, rig)

    def _is_sure(self, problem: Problem) -> bool:
        """A camera that has just been started may take its time."""
        camera = next(camera for camera in self._rig.cameras if camera.key == problem.camera)
        return camera.health.failed is not None or camera.health.state(clock.monotonic_ns()) == "lost"

    def _say(self, device: str, text: str) -> None:
        """Once a minute, where a device comes and goes for the same reason."""
        now = clock.monotonic()
        if now - self._said_at.get((device, text), float("-inf")) >= _SAID_AGAIN_S:
            self._said_at = {key: at for key, at in self._said_at.items() if now - at < _SAID_AGAIN_S}
            self._said_at[device, text] = now
            self._told.add(device)
            log.warning("%s", text)
