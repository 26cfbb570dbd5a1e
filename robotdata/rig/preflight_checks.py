"""Judge a test recording and its rig: a list of checks with numbers, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robotdata.capture.loop_time import LoopCounters
from robotdata.numbers import count
from robotdata.quality import Mark, TakeMetrics
from robotdata.rig.checks import check_features
from robotdata.rig.disk import REFUSE_TAKES, WARN_MINUTES, WARN_TAKES
from robotdata.rig.preflight_info import CheckInfo, Level, PreflightArgs, check
from robotdata.rig.protocol import REFUSE_MINUTES, CommandRefused
from robotdata.rig.scratch import DiskSpeed

ORDER = {"bad": 0, "warn": 1, "ok": 2}
SLOW_TICK = 0.8
"""A tick whose devices take more than this share of the period has no room for a busy moment."""
NEARLY, TOO_SLOW = 0.95, 0.8
"""Of the rate that the rig file asks for: below, a camera is slow, or too slow."""
FAST_DISK = 3.0
"""A disk should take this many times what recording writes: encoding and other rigs use it too."""
SAME_CLOCK_S = 1.0
_LATE_WARN, _SKIPPED_BAD = 0.1, 0.02  # of the ticks
_OF_LOOP = ("rate", "gap")
_OF_SERIES = ("lost", "frozen", "black", "flat")
"""The states of `capture.health` that a test recording judges; short gaps are measured afterwards, by `quality`."""
_REMEDIES = {
    "missing": "Check its cable and its table in the rig file",
    "lost": "Check its cable; on a hub, plug it into the computer itself",
    "stale": "Plug it into another USB bus, or choose a smaller size or a lower rate",
    "dropped": "Plug it into another USB bus, or choose a smaller size or a lower rate",
    "dropped_frames": "Record on a faster disk",
    "frozen": "Plug the camera in again; a scene in which nothing moves at all looks the same: move something in it",
    "black": "Take the lens cap off, or switch the light on",
    "flat": "Check what it looks at, and its lens",
    "damaged": "Check its cable",
    "resized": "Correct width and height in the rig file",
    "late": "Give it a USB bus of its own, or a smaller size",
    "out_of_step": "Give it a USB bus of its own, or a smaller size",
    "clipped": "Correct depth_min and depth_max in the rig file",
    "slow": "Give it more light, a smaller size or a USB bus of its own, or correct its fps in the rig file",
    "loop": "A device is slow, or the computer is busy: see what takes the time of a tick, and end other programs",
}


@dataclass(frozen=True, slots=True)
class CameraAsked:
    """A camera as the rig file asks for it: `fps` is that of the control loop where the loop reads the camera."""

    key: str
    name: str
    width: int
    height: int
    fps: float


@dataclass(frozen=True, slots=True)
class Recording:
    """What the test recording was: its manifest, counters, measures, the marks of `quality`, and bytes on the disk."""

    manifest: Mapping[str, Any]
    counters: LoopCounters
    metrics: TakeMetrics
    marks: Sequence[Mark]
    written: int


def worst_first(checks: Sequence[CheckInfo]) -> list[CheckInfo]:
    """Return the checks with those first that want something done; else their order stays."""
    return sorted(checks, key=lambda each: ORDER[each["level"]])


def loop_check(recording: Recording) -> CheckInfo:
    """Judge the control loop: its rate, late and skipped ticks, and its longest stall."""
    counters, metrics, fps = recording.counters, recording.metrics, recording.metrics.fps
    rows, rate = metrics.ticks, metrics.rate_hz or 0.0
    skipped = counters.dropped_ticks
    marks = [mark for mark in recording.marks if mark.code in _OF_LOOP]
    text = (
        f"Control loop: {count(rows, 'row')} at {rate:.2f} of {fps:g} Hz, {counters.late_ticks} late, {skipped} skipped"
    )
    level: Level = "ok" if counters.late_ticks <= _LATE_WARN * rows else "warn"
    if marks or skipped:
        is_bad = any(mark.severity == "bad" for mark in marks) or skipped > _SKIPPED_BAD * max(1, rows)
        level = "bad" if is_bad else "warn"
    text = ". ".join([text, *(mark.text.removesuffix(".") for mark in marks)])
    measured = {
        "rows": rows,
        "rate_hz": rate,
        "target_hz": fps,
        "late_ticks": counters.late_ticks,
        "skipped_ticks": skipped,
        "jitter_p99_ms": counters.jitter_p99_ms,
        "longest_gap_s": max((seconds for _, seconds in metrics.gaps), default=0.0),
    }
    return check("loop", level, "rig", text, _REMEDIES["loop"], measured=measured)


def tick_check(parts: Mapping[str, tuple[float, float]], period_ms: float) -> CheckInfo | None:
    """Judge what the devices take of a tick; `parts` are median and 99th percentile in ms. None if nothing ran."""
    busy = {name: each for name, each in parts.items() if name != "wait"}
    if not busy:
        return None
    p50, p99 = (sum(each[place] for each in busy.values()) for place in (0, 1))
    slowest = max(busy, key=lambda name: busy[name][1])
    text = f"The devices take {p50:.1f} ms of a tick's {period_ms:.1f} ms (p99 {p99:.1f} ms), most of it: {slowest}"
    level: Level = "ok" if p99 <= SLOW_TICK * period_ms else "warn"
    remedy = "Lower the fps of the rig, or give the slow device a bus of its own"
    measured = {f"{name}_p99_ms": each[1] for name, each in busy.items()}
    measured |= {"busy_p50_ms": p50, "busy_p99_ms": p99, "period_ms": period_ms}
    return check("tick", level, "robot", text, remedy, measured=measured)


def camera_check(camera: CameraAsked, recording: Recording) -> CheckInfo:
    """Judge a camera: the rate that it reached, its gaps, and whether its pictures show anything."""
    manifest, metrics = recording.manifest, recording.metrics.cameras.get(camera.key)
    counted = (manifest["counters"].get("cameras") or {}).get(camera.key) or {}
    frames, lost = int(counted.get("frames") or 0), int(counted.get("dropped") or 0)
    seconds = float(manifest["duration_s"]) or 1.0
    rate = frames / seconds
    found = _camera_marks(camera.key, recording)
    # One frame more or less is a matter of when the recording began.
    if frames + 1 < NEARLY * camera.fps * seconds and "missing" not in found:
        level: Level = "bad" if frames + 1 < TOO_SLOW * camera.fps * seconds else "warn"
        found["slow"] = level, ""
    worst: Level = min((level for level, _ in found.values()), key=ORDER.__getitem__, default="ok")
    size = f"{camera.width}×{camera.height}"
    texts = [f"Camera {camera.name}: {count(frames, 'frame')} of {size}, {rate:.1f} of {camera.fps:g} per second"]
    texts += [text.removesuffix(".") for _, text in found.values() if text]
    remedies = list(dict.fromkeys(_REMEDIES[code] for code in found))
    measured = {
        "frames": frames,
        "rate_hz": rate,
        "target_hz": camera.fps,
        "dropped": lost,
        "light": metrics.light if metrics else None,
        "age_p50_ms": metrics.age_p50_ms if metrics else None,
    }
    name, text, remedy = f"camera {camera.name}", ". ".join(texts), ". ".join(remedies)
    return check("camera", worst, name, text, remedy, camera=camera.key, measured=measured)


def _camera_marks(key: str, recording: Recording) -> dict[str, tuple[Level, str]]:
    """Return by code what the rig noted of a camera while it recorded, and what `quality` measured afterwards."""
    found: dict[str, tuple[Level, str]] = {}
    for mark in recording.marks:
        if mark.camera == key and mark.code in _REMEDIES and mark.severity != "note":
            level: Level = "bad" if mark.severity == "bad" else "warn"
            found.setdefault(mark.code, (level, mark.text))
    for noted in recording.manifest["marks"]:
        code = str(noted["code"])
        if noted["camera"] == key and code not in found and code in (*_OF_SERIES, "dropped_frames"):
            found[code] = ("warn" if code == "flat" else "bad"), str(noted["text"]).partition(". ")[0]
    return found


def space_check(spool: Path, free_bytes: int, bytes_per_s: float, takes_left: int | None) -> CheckInfo:
    """Judge how long the disk lasts at the rate that was just written."""
    minutes = free_bytes / max(1.0, bytes_per_s) / 60
    level: Level = "bad" if minutes < REFUSE_MINUTES else "warn" if minutes < WARN_MINUTES else "ok"
    lasts = f"{minutes / 60:.0f} hours" if minutes >= 600 else f"{minutes:.1f} minutes"
    text = f"{spool} has room for {lasts} of recording at {bytes_per_s / 1e6:.1f} MB/s"
    if takes_left is not None and takes_left < WARN_TAKES:
        text = f"{text}, and free inodes for {count(takes_left, 'take')}"
        level = "bad" if takes_left < REFUSE_TAKES or level == "bad" else "warn"
    remedy = "Empty the trash or free some space"
    measured = {"minutes": minutes, "bytes_per_s": bytes_per_s, "takes": takes_left}
    return check("disk_space", level, "disk", text, remedy, measured=measured)


def speed_check(spool: Path, speed: DiskSpeed, bytes_per_s: float) -> CheckInfo:
    """Judge how fast the disk takes data beside what recording needs."""
    times = speed.bytes_per_s / max(1.0, bytes_per_s)
    level: Level = "bad" if times < 1 else "warn" if times < FAST_DISK else "ok"
    text = (
        f"The disk of {spool} takes {speed.bytes_per_s / 1e6:.0f} MB/s; recording writes {bytes_per_s / 1e6:.1f} MB/s"
    )
    remedy = "Record on a faster disk, or choose smaller pictures"
    measured = {"disk_bytes_per_s": speed.bytes_per_s, "bytes_per_s": bytes_per_s}
    return check("disk_speed", level, "disk", text, remedy, measured=measured)


def clock_check(offset_s: float) -> CheckInfo:
    """Judge the rig's clock: `offset_s` is what must be added to it to get the server's."""
    if abs(offset_s) < SAME_CLOCK_S:
        text = f"The clocks of rig and server differ by less than {SAME_CLOCK_S:g} s"
        return check("clock", "ok", "rig", text, measured={"offset_s": offset_s})
    side = "behind" if offset_s > 0 else "ahead of"
    text = f"The clock of the rig's computer is {abs(offset_s):.0f} s {side} the server's: takes get a wrong date"
    remedy = "Switch time synchronization on, on both computers: `sudo timedatectl set-ntp true`"
    return check("clock", "warn", "rig", text, remedy, measured={"offset_s": offset_s})


def dataset_check(args: PreflightArgs, features: Mapping[str, Any], fps: float) -> CheckInfo | None:
    """Judge whether the rig fits the dataset as `record` does. None if no dataset was named."""
    if not args.dataset:
        return None
    try:
        check_features(args.expect, features, fps)
    except CommandRefused as refusal:
        remedy = "Choose another dataset, or edit the rig file"
        text = refusal.message.partition(". Record into")[0]
        measured = {"differences": len(refusal.differences or ())}
        return check("dataset", "bad", "rig", text[:1].upper() + text[1:], remedy, measured=measured)
    if args.problem:
        return check("dataset", "bad", "rig", args.problem, "Choose another codec in the settings of the dataset")
    if args.expect is None:
        return check(
            "dataset", "ok", "rig", f"Dataset {args.dataset} has no episodes yet: it takes what this rig gives"
        )
    text = f"Rate and features are those of the dataset {args.dataset}"
    return check("dataset", "ok", "rig", text, measured={"differences": 0, "features": len(features)})


def not_recorded(text: str, code: str = "recording") -> CheckInfo:
    """Return that there is no test recording to judge, and why."""
    return check(code, "bad", "rig", text, "Repair what is named here, then check again; the log of the rig says more")
