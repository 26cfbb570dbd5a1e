"""Watch a rig's devices: connect them, find the problem of each, and log it once."""

from __future__ import annotations

import logging
from dataclasses import replace

from robotdata.capture import clock
from robotdata.capture.camera_thread import CameraThread
from robotdata.capture.errors import DeviceError
from robotdata.capture.loop import EMERGENCY
from robotdata.capture.session import Failure
from robotdata.rig.problems import Problem, sentences
from robotdata.rig.rig import Rig
from robotdata.rig.states import EMERGENCY_STOP

log = logging.getLogger(__name__)
FIRST_FRAMES_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
_LOG_AGAIN_S = 60.0
_REMEDY = "Check its cable and the rig file; reconnecting automatically"
_REMEDIES = {"browser": "It continues as soon as pictures arrive"}
"""By kind of camera what to do about one that is disconnected."""
LOST = {"robot": "robot_lost", "teleoperator": "teleoperator_lost", "rig": "rig_failed"}


class DeviceWatch:
    """Called at every step of the machine. It calls no device itself, so a device that hangs cannot block it."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.stops = 0  # the emergency stops of which `emergency` told
        self._start_problem: Problem | None = None
        self._begun = False
        self._due = 0.0
        self._pause = 0.0
        self._frames_due: float | None = None
        self._since: dict[str, float] = {}
        self._texts: dict[str, str] = {}
        self._logged: set[str] = set()
        self._slow: set[str] = set()
        self._logged_at: dict[tuple[str, str], float] = {}

    # -- connecting

    def retry(self) -> None:
        """Let the next `connect` begin another try."""
        self._begun, self._start_problem, self._frames_due = False, None, None

    def connect(self) -> bool:
        """Do one step of a try; return True once the loop runs and each camera has frames or FIRST_FRAMES_S passed."""
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
        if now < self._frames_due and self.missing_cameras():
            return False
        self._pause = 0.0
        return True

    @property
    def wait_s(self) -> float:
        """Return the seconds until the next try."""
        return 0.0 if self._begun else max(0.0, self._due - clock.monotonic())

    def _start(self) -> None:
        hanging = self._rig.loop.hanging
        try:
            self._rig.loop.start()
        except DeviceError as error:
            names = " and ".join(f"{call.method} of the {call.device.name}" for call in hanging)
            device = hanging[0].device if hanging else None
            failure = Failure(
                device.name if device else "rig",
                f"{error} ({names})" if names else str(error),
                device.key if device else None,
            )
            self._start_problem = self._problem(failure, remedy="Power-cycle it, or restart the rig")
        except RuntimeError as error:
            reason = f"this machine cannot start more threads ({error})"
            self._start_problem = self._problem(
                Failure("rig", reason), remedy="End other programs, then clear the error"
            )

    # -- problems

    def loop_problem(self, *, connecting: bool) -> Problem | None:
        """Return why the loop does not run; None while it runs or is being started."""
        loop = self._rig.loop
        if connecting and not self._begun:
            return None
        failure = loop.failure
        problem = self._start_problem
        if problem is None and failure is not None:
            problem = self._problem(failure)
        elif problem is None and not connecting and not loop.running:
            problem = self._problem(Failure("rig", "its control loop stopped"))
        if problem is not None and connecting:  # this try failed: wait longer before the next
            self._pause = min(max(FIRST_PAUSE_S, 2 * self._pause), LONGEST_PAUSE_S)
            self._due = clock.monotonic() + self._pause
        return problem

    def emergency(self, before: Problem | None) -> Problem | None:
        """Return the problem that a new emergency stop is, with the one that it came on top of; None if none is new."""
        loop = self._rig.loop
        if not loop.stopped or loop.stops == self.stops:
            return None
        self.stops = loop.stops
        if before is not None and before.code == EMERGENCY_STOP:
            return replace(before, since=clock.wall())
        remedy = "Make sure that the robot is safe to approach, then clear the error"
        earlier = f"Before that: {before.text}" if before is not None else ""
        text = sentences(f"Emergency stop of rig {self._rig.config.name}: no action is sent", remedy)
        text = sentences(text, earlier) if earlier else text
        return Problem(EMERGENCY_STOP, "rig", EMERGENCY, remedy, clock.wall(), text=text)

    def _problem(self, failure: Failure, remedy: str | None = None) -> Problem:
        device, rig = failure.device_name, self._rig.config.name
        code = LOST.get(device.split()[0], "camera_lost")
        remedy = remedy or f"Check the {device}, then clear the error"
        name = device[0].upper() + device[1:]
        text = f"Rig {rig}: {failure.reason}" if device == "rig" else f"{name} of rig {rig}: {failure.reason}"
        return Problem(code, device, failure.reason, remedy, clock.wall(), failure.key, sentences(text, remedy))

    def missing_cameras(self) -> list[Problem]:
        """Return a problem for each camera without frames to record; of ticked ones only while the loop runs."""
        now, running = clock.monotonic_ns(), self._rig.loop.running
        problems = []
        for camera in self._rig.cameras:
            reason = camera.unavailable_reason(now)
            if reason is not None and (running or not camera.is_ticked):
                problems.append(self._camera_problem(camera, reason))
        return problems

    def lost_camera(self) -> tuple[str, str, str] | None:
        """Return name, key and reason of a camera that is lost; None if there is none."""
        now = clock.monotonic_ns()
        for camera in self._rig.cameras:
            if camera.health.state(now) == "lost":
                return camera.config.name, camera.key, camera.unavailable_reason(now) or "no frames arrive"
        return None

    def _camera_problem(self, camera: CameraThread, reason: str) -> Problem:
        name, remedy = camera.device.name, _REMEDIES.get(camera.config.kind, _REMEDY)
        since = self._since.get(name, clock.wall())
        text = sentences(f"{name[0].upper()}{name[1:]} is not available: {reason}", remedy)
        return Problem("camera_missing", name, reason, remedy, since, camera.key, text)

    # -- log

    def log_changes(self, error: Problem | None, *, connecting: bool) -> None:
        """Watch the loop and check every camera; log what changed since the last call. `error` is the rig's problem."""
        self._rig.loop.watch()
        problems = {problem.device: problem for problem in self.missing_cameras() if self._is_certain(problem)}
        if error is not None:
            problems[error.device] = error
        for device in [] if connecting else [name for name in self._since if name not in problems]:
            del self._since[device], self._texts[device]
            if device in self._logged:
                self._logged.remove(device)
                log.info("%s of rig %s is back", device, self._rig.config.name)
        self._log_slow_cameras({problem.camera for problem in problems.values()})
        for device, problem in problems.items():
            self._since.setdefault(device, clock.wall())
            if self._texts.get(device) != problem.text:
                self._texts[device] = problem.text
                self._log(device, problem.text)

    def _log_slow_cameras(self, missing: set[str | None]) -> None:
        """Log once that a camera became slower than configured, and once that it is no longer."""
        for camera in self._rig.cameras:
            warning, rig = None if camera.key in missing else camera.slow_warning(), self._rig.config.name
            if warning is not None and camera.key not in self._slow:
                self._slow.add(camera.key)
                log.warning("%s", warning)
            elif warning is None and camera.key in self._slow:
                self._slow.remove(camera.key)
                if camera.key not in missing:
                    log.info("Camera %s of rig %s reaches its configured rate again", camera.config.name, rig)

    def _is_certain(self, problem: Problem) -> bool:
        """Return whether the camera failed or is lost; one that was just started may have no frame yet."""
        camera = next(camera for camera in self._rig.cameras if camera.key == problem.camera)
        return camera.health.failed is not None or camera.health.state(clock.monotonic_ns()) == "lost"

    def _log(self, device: str, text: str) -> None:
        """Log a problem; at most once a minute if a device comes and goes for the same reason."""
        now = clock.monotonic()
        if now - self._logged_at.get((device, text), float("-inf")) >= _LOG_AGAIN_S:
            self._logged_at = {key: at for key, at in self._logged_at.items() if now - at < _LOG_AGAIN_S}
            self._logged_at[device, text] = now
            self._logged.add(device)
            log.warning("%s", text)
