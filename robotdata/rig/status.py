"""Build the messages that a rig sends about itself."""

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
from robotdata.dataset.features import flat_names, size_of
from robotdata.dataset.scales import units_of
from robotdata.rig import checks, protocol
from robotdata.rig.disk import WARN_MINUTES, WARN_TAKES
from robotdata.rig.machine import Machine
from robotdata.rig.messages import SOFTWARE
from robotdata.rig.protocol import (
    CameraCounters,
    Hello,
    LastTake,
    LoopTimes,
    PartTime,
    ProblemInfo,
    Status,
    TakeEntry,
    TakeEvent,
    Telemetry,
    Warning,
)
from robotdata.rig.recorder import TakeRecorder
from robotdata.rig.states import State
from robotdata.spool import SpoolError, list_takes, read_manifest
from robotdata.spool.manifest import FILE as MANIFEST

log = logging.getLogger(__name__)
_MOST_TAKES = 5000
_RATE_OFF = 0.02
_SHOWN = {"state": "observation.state", "action": "action"}
_SUMMARY = (
    "id",
    "state",
    "ticks",
    "duration_s",
    "task",
    "dataset",
    "session",
    "operator",
    "recorded_action",
    "fps",
    "rate_hz",
    "counters",
    "marks",
    "end_reason",
    "started_at",
)


class CameraRates:
    """Measures each camera's rate over the last two seconds or so."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[tuple[float, int]]] = {}  # monotonic seconds, frames until then

    def fps(self, camera: CameraThread) -> float:
        """Return the camera's rate in frames per second; call it about four times a second."""
        samples = self._samples.setdefault(camera.key, deque(maxlen=9))
        now = clock.monotonic()
        if not samples or now - samples[-1][0] >= 0.24:
            samples.append((now, camera.health.frames))
        elapsed_s = samples[-1][0] - samples[0][0]
        return round((samples[-1][1] - samples[0][1]) / elapsed_s, 1) if elapsed_s > 0 else 0.0


class Reporter:
    """Builds the `hello`, `status`, `telemetry` and `take` messages of one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._rig = machine.rig
        self._numbers = itertools.count(1)
        self._rates = CameraRates()
        self._entries: dict[str, tuple[int, TakeEntry]] = {}  # by take id, with the manifest's mtime (ns)

    def hello(self) -> Hello:
        """Return the first message of a connection; reads the manifest of every take that changed."""
        config = self._rig.config
        return {
            "type": "hello",
            "protocol": protocol.VERSION,
            "rig": {
                "name": config.name,
                "robot_type": self._rig.robot_type,
                "fps": config.fps,
                "features": self._rig.features,
                "recorded_action": self._rig.recorded_action,
                "cameras": [
                    {"key": c.key, "name": c.name, "width": c.width, "height": c.height, "fps": c.fps}
                    for c in config.cameras
                ],
                "inputs": self._rig.inputs.describe(),
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
        """Return the rig's current state."""
        machine, rig = self._machine, self._rig
        machine.refresh()
        take, loop = machine.take, rig.loop.counters()
        ends_at = machine.ends_at
        return {
            "type": "status",
            "seq": next(self._numbers),
            "clock": clock.monotonic(),
            "state": str(machine.state),
            "since": machine.since,
            "controls": machine.controls,
            "take": None
            if take is None
            else {
                **_facts_of(take),
                "elapsed_s": round(clock.monotonic() - take.began, 3),
                "outcome": take.remarks.outcome,
                "note": take.remarks.note,
            },
            "last_take": None if machine.last is None else _facts_of(machine.last),
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
                "loop": self._loop_times(),
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
            "on_end": rig.on_end,
            "approach_speed": rig.approach_speed,
            "preflight": machine.preflight.info(),
            "replay": machine.replaying.info(),
        }

    def telemetry(self, *, with_names: bool) -> Telemetry | None:
        """Return the loop's rows since the last call; None if there are none."""
        rows: list[list[Any]] = []
        queue = self._rig.loop.telemetry
        while queue:
            t, state, action = queue.popleft()
            rows.append([round(t, 4), _numbers(state), _numbers(action)])
        if not rows:
            return None
        message: Telemetry = {"type": "telemetry", "t": rows[-1][0], "rows": rows}
        if with_names:
            shown = {name: self._rig.features.get(key) for name, key in _SHOWN.items()}
            message["names"] = {name: (flat_names(feature) or []) if feature else [] for name, feature in shown.items()}
            units = {name: units_of(feature, size_of(feature)) for name, feature in shown.items() if feature}
            message["units"] = {name: each for name, each in units.items() if any(each)}
        return message

    def take_event(self, event: str, manifest: Mapping[str, Any]) -> TakeEvent:
        """Return the message for `event` (started, saved, discarded) with a summary of the take's manifest."""
        summary = {name: manifest.get(name) for name in _SUMMARY}
        curation = manifest.get("curation") or {}
        summary["verdict"] = curation.get("verdict", "unreviewed")
        summary["curation"] = {name: curation[name] for name in ("labels", "note") if curation.get(name)}
        return {"type": "take", "event": event, "take": summary}

    def _takes(self) -> list[TakeEntry]:
        """Return the newest takes; read only the manifests that changed since the last call."""
        cache, self._entries = self._entries, {}
        for folder in list_takes(self._rig.spool)[-_MOST_TAKES:]:
            try:
                changed_ns = (folder / MANIFEST).stat().st_mtime_ns
                cached = cache.get(folder.name)
                if cached is None or cached[0] != changed_ns:
                    manifest = read_manifest(folder)
                    entry: TakeEntry = {
                        "id": folder.name,
                        "state": manifest["state"],
                        "ticks": manifest["ticks"],
                    }
                    cached = (changed_ns, entry)
            except (SpoolError, OSError) as error:
                log.warning("%s", error)  # the take is left out: the server could show nothing of it
            else:
                self._entries[folder.name] = cached
        return [entry for _, entry in self._entries.values()]

    def _loop_times(self) -> LoopTimes | None:
        loop = self._rig.loop
        parts = loop.times.percentiles_ms() if loop.running else {}
        if not parts:
            return None
        times: dict[str, PartTime] = {name: {"p50_ms": p50, "p99_ms": p99} for name, (p50, p99) in parts.items()}
        return {"period_ms": round(1000 / loop.fps, 3), "parts": times}

    def _cameras(self) -> dict[str, CameraCounters]:
        now, take = clock.monotonic_ns(), self._machine.take
        counters: dict[str, CameraCounters] = {}
        for camera in self._rig.cameras:
            age = camera.health.age_s(now)
            counters[camera.key] = {
                "fps": self._rates.fps(camera),
                "dropped": (take.dropped[camera.key] if take else 0) + camera.bad_frames,
                "age_s": None if age is None else round(age, 3),
                "state": camera.health.state(now),
            }
        return counters

    def _cannot_record(self) -> list[ProblemInfo]:
        """Return why no take can begin; nothing but `Machine.problem` while the devices are being connected."""
        machine = self._machine
        problems = [machine.problem] if machine.problem is not None else []
        if machine.state != State.CONNECTING:
            problems += checks.obstacles(self._rig, len(machine.saving), machine.devices.missing_cameras())
        return [problem.as_info() for problem in problems]

    def _warnings(self, fps: float, ticks: int) -> list[Warning]:
        warnings = [*self._camera_warnings(), *self._device_warnings()]
        for (device, _), text in list(self._machine.events.unknown.items()):  # the machine adds some
            warnings.append(_warning("unknown_event", None, text, device, self._machine.since))
        if (away := self._rig.loop.steering.approaching) is not None:
            joint, way = away
            limit = f"{self._rig.approach_speed:g} a second at most"
            text = f"The robot moves slowly to its teleoperator, {limit}: {joint} is {way:.1f} away"
            warnings.append(_warning("approach", None, text, "robot", self._machine.since))
        target = self._rig.config.fps
        if self._rig.loop.running and ticks > target and abs(fps / target - 1) > _RATE_OFF:
            warnings.append({"code": "rate", "camera": None, "text": f"Control loop at {fps:g} Hz (target {target:g})"})
        minutes = self._rig.disk.minutes_left
        if minutes < WARN_MINUTES:
            text = f"{self._rig.spool} has room for {minutes:.1f} more minutes"
            warnings.append({"code": "disk", "camera": None, "text": text})
        takes = self._rig.disk.takes_left
        if takes is not None and takes < WARN_TAKES:
            text = f"{self._rig.spool} has free inodes for {takes} more takes"
            warnings.append({"code": "disk", "camera": None, "text": text})
        return warnings

    def _camera_warnings(self) -> list[Warning]:
        now, wall = clock.monotonic_ns(), clock.wall()
        missing = {problem.camera: problem for problem in self._machine.devices.missing_cameras()}
        warnings: list[Warning] = []
        for camera in self._rig.cameras:
            state, problem = camera.health.state(now), missing.get(camera.key)
            if state in ("ok", "stale") and (slow := camera.slow_warning()) is not None:
                warnings.append(_warning("slow", camera.key, slow, camera.device.name, wall))
            if state == "ok" or (state != "lost" and camera.newest is None):
                continue
            text = f"Camera {camera.config.name} {TEXTS[state]}"
            since = wall - (camera.health.age_s(now) or 0.0)
            if state == "lost" and problem is not None:
                text, since = problem.text, problem.since
            device = camera.device.name
            warnings.append({"code": state, "camera": camera.key, "text": text, "device": device, "since": since})
        return warnings

    def _device_warnings(self) -> list[Warning]:
        """Warn of devices that do not answer, and of those that may still hold torque after the loop ended."""
        loop, warnings = self._rig.loop, []
        for call in loop.late_calls:
            name = call.device.name
            text = f"{name[0].upper()}{name[1:]} has not answered {call.method} for {call.waited_s:.1f} s"
            if call.timed_out:
                text += "; it will be disconnected as soon as it answers. Switch it off if it may move"
            warnings.append(_warning("silent", call.device.key, text, name, call.since))
        for name, text in loop.alarms.items():
            warnings.append(_warning("alarm", None, f"{name[0].upper()}{name[1:]}: {text}", name, self._machine.since))
        for name, reason in loop.feedback.failed.items():
            text = f"{name[0].upper()}{name[1:]} gets no feedback: {reason}. Restart the rig to try again"
            warnings.append(_warning("feedback", None, text, name, self._machine.since))
        for name, reason in loop.unreleased.items():
            text = f"{name[0].upper()}{name[1:]} could not be disconnected ({reason}). Switch its power off"
            warnings.append(_warning("not_released", None, text, name, self._machine.since))
        for name, reason in loop.unstopped.items():
            text = (
                f"{name[0].upper()}{name[1:]} has not carried out the emergency stop ({reason}). Switch its power off"
            )
            warnings.append(_warning("not_stopped", None, text, name, self._machine.since))
        return warnings


def _facts_of(take: TakeRecorder) -> LastTake:
    return {
        "id": take.id,
        "ticks": take.ticks,
        "task": str(take.facts["task"]),
        "dataset": str(take.facts["dataset"]),
        "session": str(take.facts["session"]),
    }


def _warning(code: str, camera: str | None, text: str, device: str, since: float) -> Warning:
    return {"code": code, "camera": camera, "text": text, "device": device, "since": since}


def _numbers(values: Any) -> list[float]:
    return [round(float(value), 4) for value in values]
