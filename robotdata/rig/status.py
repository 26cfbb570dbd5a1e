"""What a rig says of itself, as the protocol's messages."""

from __future__ import annotations

import itertools
import logging
import os
import socket
from collections import deque
from collections.abc import Mapping
from typing import Any

from robotdata.capture import clock
from robotdata.capture.camera_thread import CameraThread
from robotdata.capture.health import TEXTS
from robotdata.dataset.features import flat_names
from robotdata.rig import checks, protocol
from robotdata.rig.disk import WARN_MINUTES, WARN_TAKES
from robotdata.rig.machine import Machine
from robotdata.rig.protocol import (
    CameraCounters,
    Hello,
    ProblemInfo,
    Status,
    TakeEntry,
    TakeEvent,
    Telemetry,
    Warning,
)
from robotdata.rig.states import State
from robotdata.spool import SpoolError, list_takes, read_manifest
from robotdata.spool.manifest import FILE as MANIFEST

log = logging.getLogger(__name__)
SOFTWARE = "robotdata 0.1.0"
_MOST_TAKES = 5000
_RATE_OFF = 0.02
_SUMMARY = (
    "id",
    "state",
    "ticks",
    "duration_s",
    "task",
    "dataset",
    "session",
    "operator",
    "fps",
    "rate_hz",
    "counters",
    "marks",
    "end_reason",
    "started_at",
)


class CameraRates:
    """How many frames a second each camera really gives, over the last two seconds or so."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def fps(self, camera: CameraThread) -> float:
        seen = self._seen.setdefault(camera.key, deque(maxlen=9))
        now = clock.monotonic()
        if not seen or now - seen[-1][0] >= 0.24:
            seen.append((now, camera.health.frames))
        taken_s = seen[-1][0] - seen[0][0]
        return round((seen[-1][1] - seen[0][1]) / taken_s, 1) if taken_s > 0 else 0.0


class Reporter:
    """Makes `hello`, `status`, `telemetry` and `take` messages of one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._rig = machine.rig
        self._numbers = itertools.count(1)
        self._rates = CameraRates()
        self._known: dict[str, tuple[int, TakeEntry]] = {}

    def hello(self) -> Hello:
        """The first message of a connection; reads the manifests of all takes."""
        config = self._rig.config
        return {
            "type": "hello",
            "protocol": protocol.VERSION,
            "rig": {
                "name": config.name,
                "robot_type": self._rig.robot_type,
                "fps": config.fps,
                "features": self._rig.features,
                "cameras": [
                    {"key": c.key, "name": c.name, "width": c.width, "height": c.height, "fps": c.fps}
                    for c in config.cameras
                ],
                "software": SOFTWARE,
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "spool": str(self._rig.spool),
                "started_as": self._rig.started_as,
            },
            "status": self.status(),
            "takes": self._takes(),
        }

    def status(self) -> Status:
        """As the rig is now."""
        machine, rig = self._machine, self._rig
        machine.look()
        take, loop = machine.take, rig.loop.counters()
        ends_at = machine.ends_at
        return {
            "type": "status",
            "seq": next(self._numbers),
            "state": str(machine.state),
            "since": machine.since,
            "controls": machine.controls,
            "take": None
            if take is None
            else {
                "id": take.id,
                "ticks": take.ticks,
                "elapsed_s": round(clock.monotonic() - take.began, 3),
                "task": str(take.facts["task"]),
                "dataset": str(take.facts["dataset"]),
                "session": str(take.facts["session"]),
            },
            "timer": {
                "phase": "episode" if machine.state == State.RECORDING else str(machine.state),
                "ends_at": None if ends_at is None else clock.wall() + ends_at - clock.monotonic(),
                "total_s": machine.total_s,
            },
            "counters": {
                "ticks": loop.ticks,
                "late_ticks": loop.late_ticks,
                "dropped_ticks": loop.dropped_ticks + (take.dropped_ticks if take else 0),
                "fps": loop.fps if rig.loop.running else 0.0,
                "jitter_p99_ms": loop.jitter_p99_ms,
                "cameras": self._cameras(),
            },
            "disk": {
                "free_bytes": rig.disk.free_bytes,
                "minutes_left": round(rig.disk.minutes_left, 1),
            },
            "saving": len(machine.saving),
            "message": machine.message,
            "warnings": self._warnings(loop.fps, loop.ticks),
            "error": None if machine.problem is None else machine.problem.as_info(),
            "cannot_record": self._cannot_record(),
        }

    def telemetry(self, *, with_names: bool) -> Telemetry | None:
        """What the loop did since the last call; None where it did nothing."""
        rows: list[list[Any]] = []
        queue = self._rig.loop.telemetry
        while queue:
            t, state, action = queue.popleft()
            rows.append([round(t, 4), _numbers(state), _numbers(action)])
        if not rows:
            return None
        message: Telemetry = {"type": "telemetry", "t": rows[-1][0], "rows": rows}
        if with_names:
            features = self._rig.features
            message["names"] = {
                part: list(flat_names(features[key]) or []) if key in features else []
                for part, key in (("state", "observation.state"), ("action", "action"))
            }
        return message

    def take_event(self, event: str, manifest: Mapping[str, Any]) -> TakeEvent:
        """A take has begun or ended."""
        summary = {name: manifest.get(name) for name in _SUMMARY}
        summary["verdict"] = (manifest.get("curation") or {}).get("verdict", "unreviewed")
        return {"type": "take", "event": event, "take": summary}

    def _takes(self) -> list[TakeEntry]:
        """The newest takes; only those are read that have changed since the last time."""
        known, self._known = self._known, {}
        for folder in list_takes(self._rig.spool)[-_MOST_TAKES:]:
            try:
                changed_ns = (folder / MANIFEST).stat().st_mtime_ns
                seen = known.get(folder.name)
                if seen is None or seen[0] != changed_ns:
                    manifest = read_manifest(folder)
                    entry: TakeEntry = {
                        "id": folder.name,
                        "state": manifest["state"],
                        "ticks": manifest["ticks"],
                    }
                    seen = (changed_ns, entry)
            except (SpoolError, OSError) as error:
                log.warning("%s", error)  # nothing that the web could show of it
            else:
                self._known[folder.name] = seen
        return [entry for _, entry in self._known.values()]

    def _cameras(self) -> dict[str, CameraCounters]:
        now, take = clock.monotonic_ns(), self._machine.take
        said: dict[str, CameraCounters] = {}
        for camera in self._rig.cameras:
            age = camera.health.age_s(now)
            said[camera.key] = {
                "fps": self._rates.fps(camera),
                "dropped": (take.dropped[camera.key] if take else 0) + camera.bad_frames,
                "age_s": None if age is None else round(age, 3),
                "state": camera.health.state(now),
            }
        return said

    def _cannot_record(self) -> list[ProblemInfo]:
        """Why no take can begin; empty while the devices are still being connected."""
        machine = self._machine
        found = [machine.problem] if machine.problem is not None else []
        if machine.state != State.CONNECTING:
            found += checks.obstacles(self._rig, len(machine.saving), machine.devices.missing())
        return [problem.as_info() for problem in found]

    def _warnings(self, fps: float, ticks: int) -> list[Warning]:
        said = [*self._camera_warnings(), *self._device_warnings()]
        wanted = self._rig.config.fps
        if self._rig.loop.running and ticks > wanted and abs(fps / wanted - 1) > _RATE_OFF:
            said.append({"code": "rate", "camera": None, "text": f"Control loop at {fps:g} Hz (target {wanted:g})"})
        minutes = self._rig.disk.minutes_left
        if minutes < WARN_MINUTES:
            text = f"{self._rig.spool} has room for {minutes:.1f} more minutes"
            said.append({"code": "disk", "camera": None, "text": text})
        takes = self._rig.disk.takes_left
        if takes is not None and takes < WARN_TAKES:
            text = f"{self._rig.spool} has free inodes for {takes} more takes"
            said.append({"code": "disk", "camera": None, "text": text})
        return said

    def _camera_warnings(self) -> list[Warning]:
        now, wall = clock.monotonic_ns(), clock.wall()
        missing = {problem.camera: problem for problem in self._machine.devices.missing()}
        said: list[Warning] = []
        for camera in self._rig.cameras:
            state, problem = camera.health.state(now), missing.get(camera.key)
            if state in ("ok", "stale") and (words := camera.slow_words()) is not None:
                said.append(_warning("slow", camera.key, words, camera.part.name, wall))
            if state == "ok" or (state != "lost" and camera.newest is None):
                continue
            text = f"Camera {camera.config.name} {TEXTS[state]}"
            since = wall - (camera.health.age_s(now) or 0.0)
            if state == "lost" and problem is not None:
                text, since = problem.text, problem.since
            device = camera.part.name
            said.append({"code": state, "camera": camera.key, "text": text, "device": device, "since": since})
        return said

    def _device_warnings(self) -> list[Warning]:
        """Devices that do not answer, and those that may still hold torque although the loop has ended."""
        loop, said = self._rig.loop, []
        for call in loop.silences:
            name = call.part.name
            text = f"{name[0].upper()}{name[1:]} has not answered {call.method} for {call.waited_s:.1f} s"
            if call.given_up:
                text += "; it will be told to stop as soon as it does. Switch it off if it may move"
            said.append(_warning("silent", call.part.key, text, name, call.since))
        for name, reason in loop.unreleased.items():
            text = f"{name[0].upper()}{name[1:]} could not be told to stop ({reason}). Switch its power off"
            said.append(_warning("not_released", None, text, name, self._machine.since))
        return said


def _warning(code: str, camera: str | None, text: str, device: str, since: float) -> Warning:
    return {"code": code, "camera": camera, "text": text, "device": device, "since": since}


def _numbers(values: Any) -> list[float]:
    return [round(float(value), 4) for value in values]
