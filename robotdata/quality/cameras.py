"""Measure one camera: whether new frames arrive in time, and whether they show anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.quality.inputs import CameraInput, TakeInput
from robotdata.quality.metrics import CameraMetrics
from robotdata.quality.motion import Motion
from robotdata.quality.pictures import PictureSeries
from robotdata.quality.runs import Run, longest_by_time, runs_of, same_runs

STALE_PERIODS = 3
"""A camera is stale when it delivers no new frame for more than this many of its periods."""
SKEW_PERIODS = 2
"""A camera lags when its frame is older than another camera's by more than this many periods."""
BLACK = 0.08
"""An image is black if its 99th percentile of luma is below this share of white."""
FLAT = 0.04
"""An image is flat if its luma spreads by less than this share of white, and its colours by less than twice it."""
MIN_RUN_S = 0.4
"""Shorter runs are not kept."""
FROZEN_S = 0.5
_SAME_MEAN, _SAME_MAX = 0.02 / 255, 1.0 / 255
"""Two samples are equal if their mean and largest differences are at most these shares of white."""


def measure_cameras(take: TakeInput, motion: Motion) -> dict[str, CameraMetrics]:
    """Return the measures of every camera, by feature key."""
    measures = {key: _timing(camera, take) for key, camera in take.cameras.items()}
    for key, skew in _out_of_step(take, measures).items():
        measures[key].update(skew)
    for key, camera in take.cameras.items():
        appearance = _appearance(camera.pictures, take)
        measures[key].update(_depth_appearance(camera, appearance) if camera.depth else appearance)
        frozen = _frozen(camera, measures[key]["rate_hz"] or take.fps, take)
        if camera.content is None:  # sampled frames of a scene without motion are equal, too
            frozen = [run for run in frozen if _others_change(take.cameras, key, run)]
        measures[key]["frozen"] = longest_by_time([run for run in frozen if motion.moved(run)])
    return {key: CameraMetrics(problem=take.cameras[key].problem, **values) for key, values in measures.items()}


def _timing(camera: CameraInput, take: TakeInput) -> dict[str, Any]:
    """Return the measures of a camera's rate, missing frames and ages."""
    measures: dict[str, Any] = {"rate_hz": None, "frames": None}
    if camera.seq is not None and camera.frame_ns is not None:
        measures |= _stored(camera.seq, camera.frame_ns, take.time_ns)
    if camera.frame is not None:
        measures |= _fresh(camera.frame, measures["rate_hz"] or take.fps, take.fps)
    if camera.captured_ns is not None and take.time_ns is not None and camera.frame is not None:
        age_ms = ((take.time_ns - camera.captured_ns) / 1e6)[camera.frame >= 0]
        if len(age_ms):
            p50, p99 = np.percentile(age_ms, [50, 99])
            measures |= {"age_p50_ms": round(float(p50), 3), "age_p99_ms": round(float(p99), 3)}
    return measures


def _stored(seq: NDArray[np.int64], frame_ns: NDArray[np.int64], time_ns: NDArray[np.int64] | None) -> dict[str, Any]:
    """Return how many frames were stored, at what rate, and how many sequence numbers are missing.

    `seq` and `frame_ns` are int64 (frames,), `time_ns` is int64 (ticks,).
    """
    measures: dict[str, Any] = {"frames": len(seq)}
    if len(seq) < 3:
        return measures
    holes = np.diff(seq) - 1
    interval = float(np.median(np.diff(frame_ns)))
    measures["rate_hz"] = round(1e9 / interval, 3) if interval > 0 else None
    if (holes > 0).any():
        index = int(holes.argmax())
        measures |= {"dropped": int(holes.clip(min=0).sum()), "largest_hole": int(holes[index])}
        if time_ns is not None:
            tick = int(np.searchsorted(time_ns, frame_ns[index + 1]))
            measures["largest_hole_at"] = min(tick, len(time_ns) - 1)
    return measures


def _fresh(frame: NDArray[np.int64], rate_hz: float, fps: float) -> dict[str, Any]:
    """Return the first tick with a frame, the share of ticks without a new frame, and the stale runs.

    A camera that is slower than the loop repeats frames; only repeats beyond what its own rate explains are stale.
    """
    available = frame >= 0
    if not available.any():
        return {"first_picture": None, "frames": 0}
    first = int(available.argmax())
    repeats = [(start + first + 1, end + first) for start, end in same_runs(frame[first:])]
    allowed = STALE_PERIODS * max(1.0, fps / rate_hz)
    return {
        "first_picture": first,
        "repeated": round(sum(end - start for start, end in repeats) / len(frame), 4),
        "stale": longest_by_time([run for run in repeats if run[1] - run[0] > allowed]),
    }


def _out_of_step(take: TakeInput, measures: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return by camera the runs in which its frame is much older than another camera's frame of the same tick.

    Stale runs are left out, because `stale` reports them.
    """
    timed = {
        key: (each.captured_ns, each.frame >= 0)
        for key, each in take.cameras.items()
        if each.captured_ns is not None and each.frame is not None and measures[key].get("first_picture") is not None
    }
    if len(timed) < 2:
        return {}
    captured = np.array([each for each, _ in timed.values()])
    ready = np.array([available for _, available in timed.values()]).all(axis=0)
    skews: dict[str, dict[str, Any]] = {}
    for key, own in zip(timed, captured, strict=True):
        skew_s = (captured.max(axis=0) - own) / 1e9
        late = ready & (skew_s > SKEW_PERIODS / min(measures[key]["rate_hz"] or take.fps, take.fps))
        for first, end in measures[key]["stale"]:
            late[first:end] = False
        runs = [run for run in runs_of(late) if run[1] - run[0] >= MIN_RUN_S * take.fps]
        p95 = float(np.percentile(skew_s[ready], 95)) if ready.any() else 0.0
        skews[key] = {"out_of_step": longest_by_time(runs), "skew_p95_ms": round(p95 * 1000, 3)}
    return skews


def _appearance(pictures: PictureSeries, take: TakeInput) -> dict[str, Any]:
    """Return the measures of the decoded samples: damage, size changes, black and flat runs, brightness, sharpness."""
    measures: dict[str, Any] = {
        "damaged": len(pictures.damaged),
        "damaged_at": pictures.damaged[0] if pictures.damaged else None,
        "resized_at": pictures.resized,
    }
    if len(pictures.tick):
        black = pictures.light_end < BLACK
        flat = ~black & (pictures.light_end - pictures.dark_end < FLAT) & (pictures.colour < 2 * FLAT)
        measures |= {
            "black": _tick_runs(black, pictures.tick, take),
            "flat": _tick_runs(flat, pictures.tick, take),
            "flat_share": round(float(flat.mean()), 4),
            "light": round(float(np.median(pictures.light)), 4),
        }
    if len(pictures.sharpness):
        measures["sharpness"] = round(float(np.median(pictures.sharpness)), 5)
    return measures


def _depth_appearance(camera: CameraInput, appearance: dict[str, Any]) -> dict[str, Any]:
    """Return the measures that apply to depth: damage, size changes, black (nothing measured) and clipped values."""
    measures = {
        name: appearance[name] for name in ("damaged", "damaged_at", "resized_at", "black") if name in appearance
    }
    return measures | {"clipped": camera.clipped, "depth": True}


def _tick_runs(mask: NDArray[np.bool_], tick: NDArray[np.int64], take: TakeInput) -> list[Run]:
    """Return runs of samples as runs of ticks. Each sample stands for the ticks up to the next sample."""
    ends = np.append(tick[1:], take.ticks)
    runs = [(int(tick[first]), int(ends[end - 1])) for first, end in runs_of(mask)]
    shortest = min(MIN_RUN_S * take.fps, take.ticks)
    return longest_by_time([run for run in runs if run[1] - run[0] >= shortest])


def _frozen(camera: CameraInput, rate_hz: float, take: TakeInput) -> list[Run]:
    """Return the runs in which new frames arrive and their content stays the same."""
    if camera.content is not None and camera.frame is not None:
        if not len(camera.content):
            return []
        content = np.where(camera.frame >= 0, camera.content[camera.frame], -1)
        runs = [run for run in same_runs(content) if content[run[0]] >= 0]
        fresh = [int(camera.frame[end - 1] - camera.frame[first]) for first, end in runs]
    else:
        tick = camera.pictures.tick
        same = (camera.pictures.change <= _SAME_MEAN) & (camera.pictures.most_change <= _SAME_MAX)
        sample_runs = same_runs(np.cumsum(~same)) if len(tick) else []
        runs = [(int(tick[first]), int(tick[end - 1]) + 1) for first, end in sample_runs]
        fresh = [end - first for first, end in runs]
    return [
        (first, end)
        for (first, end), frames in zip(runs, fresh, strict=True)
        if end - first >= FROZEN_S * take.fps and frames >= max(2, (end - first) / take.fps * rate_hz / 2)
    ]


def _others_change(cameras: Mapping[str, CameraInput], key: str, run: Run) -> bool:
    """Return whether the frames of all other cameras change within `run`; True if there are no others."""
    others = [camera.pictures for other, camera in cameras.items() if other != key and len(camera.pictures.tick)]
    within = [each.most_change[(each.tick > run[0]) & (each.tick < run[1])] for each in others]
    return all(bool((change > 8 * _SAME_MAX).mean() > 0.5) for change in within if len(change))
