"""One camera: whether fresh pictures came on time, and whether they show anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.quality.inputs import CameraInput, TakeInput
from robotdata.quality.metrics import CameraMetrics
from robotdata.quality.motion import Motion
from robotdata.quality.pictures import PictureSeries
from robotdata.quality.runs import Run, longest_first, runs_of, same_runs

STALE_PERIODS = 3
SKEW_PERIODS = 2
BLACK = 0.08
"""Black: hardly a point of the picture is lighter than this share of white."""
FLAT = 0.04
"""Flat: neither light nor colours spread further than this share."""
SHORTEST_S = 0.4
FROZEN_S = 0.5
_SAME_MEAN, _SAME_MOST = 0.02 / 255, 1.0 / 255


def measure_cameras(take: TakeInput, motion: Motion) -> dict[str, CameraMetrics]:
    """The measures of every camera."""
    facts = {key: _timing(camera, take) for key, camera in take.cameras.items()}
    for key, found in _out_of_step(take, facts).items():
        facts[key].update(found)
    for key, camera in take.cameras.items():
        looks = _looks(camera.pictures, take)
        facts[key].update(_depth_looks(camera, looks) if camera.depth else looks)
        frozen = _frozen(camera, facts[key]["rate_hz"] or take.fps, take)
        if camera.content is None:  # video repeats itself where nothing moves in its picture
            frozen = [run for run in frozen if _others_change(take.cameras, key, run)]
        facts[key]["frozen"] = longest_first([run for run in frozen if motion.moved(run)])
    return {key: CameraMetrics(problem=take.cameras[key].problem, **found) for key, found in facts.items()}


def _timing(camera: CameraInput, take: TakeInput) -> dict[str, Any]:
    facts: dict[str, Any] = {"rate_hz": None, "frames": None}
    if camera.seq is not None and camera.frame_ns is not None:
        facts |= _stored(camera.seq, camera.frame_ns, take.time_ns)
    if camera.frame is not None:
        facts |= _fresh(camera.frame, facts["rate_hz"] or take.fps, take.fps)
    if camera.captured_ns is not None and take.time_ns is not None and camera.frame is not None:
        age_ms = ((take.time_ns - camera.captured_ns) / 1e6)[camera.frame >= 0]
        if len(age_ms):
            p50, p99 = np.percentile(age_ms, [50, 99])
            facts |= {"age_p50_ms": round(float(p50), 3), "age_p99_ms": round(float(p99), 3)}
    return facts


def _stored(seq: NDArray[np.int64], frame_ns: NDArray[np.int64], time_ns: NDArray[np.int64] | None) -> dict[str, Any]:
    """How many frames came, how fast, and how many sequence numbers are missing between them."""
    facts: dict[str, Any] = {"frames": len(seq)}
    if len(seq) < 3:
        return facts
    holes = np.diff(seq) - 1
    interval = float(np.median(np.diff(frame_ns)))
    facts["rate_hz"] = round(1e9 / interval, 3) if interval > 0 else None
    if (holes > 0).any():
        at = int(holes.argmax())
        facts |= {"dropped": int(holes.clip(min=0).sum()), "largest_hole": int(holes[at])}
        if time_ns is not None:
            tick = int(np.searchsorted(time_ns, frame_ns[at + 1]))
            facts["largest_hole_at"] = min(tick, len(time_ns) - 1)
    return facts


def _fresh(frame: NDArray[np.int64], rate_hz: float, fps: float) -> dict[str, Any]:
    """Where the loop had no fresh frame, beyond what the camera's own rate explains."""
    have = frame >= 0
    if not have.any():
        return {"first_picture": None, "frames": 0}
    first = int(have.argmax())
    held = [(start + first + 1, end + first) for start, end in same_runs(frame[first:])]
    patience = STALE_PERIODS * max(1.0, fps / rate_hz)
    return {
        "first_picture": first,
        "repeated": round(sum(end - start for start, end in held) / len(frame), 4),
        "stale": longest_first([run for run in held if run[1] - run[0] > patience]),
    }


def _out_of_step(take: TakeInput, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Where one camera's frame is much older than another's of the same tick, though it delivers."""
    timed = {
        key: (each.captured_ns, each.frame >= 0)
        for key, each in take.cameras.items()
        if each.captured_ns is not None and each.frame is not None and facts[key].get("first_picture") is not None
    }
    if len(timed) < 2:
        return {}
    captured = np.array([each for each, _ in timed.values()])
    ready = np.array([have for _, have in timed.values()]).all(axis=0)
    found: dict[str, dict[str, Any]] = {}
    for key, own in zip(timed, captured, strict=True):
        skew_s = (captured.max(axis=0) - own) / 1e9
        late = ready & (skew_s > SKEW_PERIODS / min(facts[key]["rate_hz"] or take.fps, take.fps))
        for first, end in facts[key]["stale"]:
            late[first:end] = False
        runs = [run for run in runs_of(late) if run[1] - run[0] >= SHORTEST_S * take.fps]
        p95 = float(np.percentile(skew_s[ready], 95)) if ready.any() else 0.0
        found[key] = {"out_of_step": longest_first(runs), "skew_p95_ms": round(p95 * 1000, 3)}
    return found


def _looks(pictures: PictureSeries, take: TakeInput) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "damaged": len(pictures.damaged),
        "damaged_at": pictures.damaged[0] if pictures.damaged else None,
        "resized_at": pictures.resized,
    }
    if len(pictures.tick):
        black = pictures.light_end < BLACK
        flat = ~black & (pictures.light_end - pictures.dark_end < FLAT) & (pictures.colour < 2 * FLAT)
        facts |= {
            "black": _tick_runs(black, pictures.tick, take),
            "flat": _tick_runs(flat, pictures.tick, take),
            "flat_share": round(float(flat.mean()), 4),
            "light": round(float(np.median(pictures.light)), 4),
        }
    if len(pictures.sharpness):
        facts["sharpness"] = round(float(np.median(pictures.sharpness)), 5)
    return facts


def _depth_looks(camera: CameraInput, looks: dict[str, Any]) -> dict[str, Any]:
    """Of depth only what is a fault in it too: damage, another size, that nothing was measured; and what is too far."""
    known = {name: looks[name] for name in ("damaged", "damaged_at", "resized_at", "black") if name in looks}
    return known | {"clipped": camera.clipped, "depth": True}


def _tick_runs(mask: NDArray[np.bool_], tick: NDArray[np.int64], take: TakeInput) -> list[Run]:
    """Stretches of samples as stretches of ticks: each sample stands for the ticks up to the next."""
    ends = np.append(tick[1:], take.ticks)
    runs = [(int(tick[first]), int(ends[end - 1])) for first, end in runs_of(mask)]
    shortest = min(SHORTEST_S * take.fps, take.ticks)
    return longest_first([run for run in runs if run[1] - run[0] >= shortest])


def _frozen(camera: CameraInput, rate_hz: float, take: TakeInput) -> list[Run]:
    """Stretches in which new frames keep coming with the same content."""
    if camera.content is not None and camera.frame is not None:
        if not len(camera.content):
            return []
        content = np.where(camera.frame >= 0, camera.content[camera.frame], -1)
        runs = [run for run in same_runs(content) if content[run[0]] >= 0]
        fresh = [int(camera.frame[end - 1] - camera.frame[first]) for first, end in runs]
    else:
        tick = camera.pictures.tick
        same = (camera.pictures.change <= _SAME_MEAN) & (camera.pictures.most_change <= _SAME_MOST)
        found = same_runs(np.cumsum(~same)) if len(tick) else []
        runs = [(int(tick[first]), int(tick[end - 1]) + 1) for first, end in found]
        fresh = [end - first for first, end in runs]
    return [
        (first, end)
        for (first, end), frames in zip(runs, fresh, strict=True)
        if end - first >= FROZEN_S * take.fps and frames >= max(2, (end - first) / take.fps * rate_hz / 2)
    ]


def _others_change(cameras: Mapping[str, CameraInput], key: str, run: Run) -> bool:
    others = [camera.pictures for other, camera in cameras.items() if other != key and len(camera.pictures.tick)]
    within = [each.most_change[(each.tick > run[0]) & (each.tick < run[1])] for each in others]
    return all(bool((change > 8 * _SAME_MOST).mean() > 0.5) for change in within if len(change))
