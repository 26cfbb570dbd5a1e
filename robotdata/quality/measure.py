"""Measure a take: from arrays, or from its folder in the spool."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.features import depth_scale, is_depth
from robotdata.quality.cameras import measure_cameras
from robotdata.quality.depths import clipped_share
from robotdata.quality.fingerprint import fingerprint_of
from robotdata.quality.inputs import CameraInput, SignalInput, TakeInput, flat_names, is_numeric
from robotdata.quality.metrics import TakeMetrics
from robotdata.quality.motion import Motion
from robotdata.quality.pairs import measure_pair, without_rest
from robotdata.quality.pictures import DETAIL, SMALL, PictureMeter, PictureSeries, decode
from robotdata.quality.signals import measure_signal
from robotdata.spool import CameraTrack, SpoolError, Take
from robotdata.spool.index import read_index
from robotdata.video.jpeg import ImageError

SAMPLES_HZ = 5
MOST_SAMPLES = 1500
"""Pictures looked at per camera: five a second up to five minutes, fewer a second in longer takes."""
_DETAILED = 5
_GAP_PERIODS = 2.5
_MOST_GAPS = 20


class Plan(Protocol):
    """The part of a take that would be exported, [first_tick, end_tick)."""

    @property
    def first_tick(self) -> int: ...

    @property
    def end_tick(self) -> int: ...


def measure(take: TakeInput) -> TakeMetrics:
    """All measures of `take`; their ticks count from its `first_tick`."""
    signals = {name: measure_signal(each.names, each.values, take.fps) for name, each in take.signals.items()}
    signals = without_rest(take.signals, signals)
    motion = Motion(take.signals, signals, take.ticks)
    rate_hz, gaps = _rate(take)
    return TakeMetrics(
        fps=take.fps,
        ticks=take.ticks,
        first_tick=take.first_tick,
        id=take.id,
        task=take.task,
        recorded_at=take.recorded_at,
        rate_hz=rate_hz,
        gaps=gaps,
        still_head=motion.still_head(),
        still_tail=motion.still_tail(),
        trim=motion.trim(take.fps),
        signals=signals,
        cameras=measure_cameras(take, motion),
        pair=measure_pair(take.signals, signals, take.fps),
        fingerprint=fingerprint_of(take, signals),
    )


def take_metrics(take: Take, plan: Plan | None = None) -> TakeMetrics:
    """All measures of a take in the spool; of the part that `plan` names, where there is one.

    A camera whose files are missing or torn is a measure, not an error. Raises SpoolError where the rows cannot be
    read.
    """
    return measure(read_take(take, plan))


def read_take(take: Take, plan: Plan | None = None) -> TakeInput:
    """The take as arrays, its pictures sampled; raises SpoolError where the rows cannot be read."""
    manifest = take.manifest
    part = slice(plan.first_tick, plan.end_tick) if plan is not None else slice(0, take.rows.num_rows)
    time_ns = np.asarray(take.column("monotonic_ns"), np.int64)[part]
    signals: dict[str, SignalInput] = {}
    for name, about in manifest["features"].items():
        if is_numeric(name, about) and name in take.rows.column_names:
            values = take.signal(name)[part]
            signals[name] = SignalInput(flat_names(name, about, values.shape[1]), values)
    fps = float(manifest["fps"])
    return TakeInput(
        fps=fps,
        ticks=len(time_ns),
        time_ns=time_ns,
        first_tick=part.start,
        signals=signals,
        cameras={key: _read_camera(take, key, part, fps) for key in take.cameras},
        id=take.id,
        task=str(manifest.get("task") or ""),
        recorded_at=str(manifest.get("started_at") or ""),
    )


def _rate(take: TakeInput) -> tuple[float | None, list[tuple[int, float]]]:
    """The loop's true rate, and where it stalled for more than two and a half periods, longest first."""
    if take.time_ns is None or take.ticks < 2:
        return None, []
    intervals = np.diff(take.time_ns) / 1e9
    taken_s = float(intervals.sum())
    late = np.flatnonzero(intervals > _GAP_PERIODS / take.fps)
    worst = sorted(late.tolist(), key=lambda at: -intervals[at])[:_MOST_GAPS]
    rate = round((take.ticks - 1) / taken_s, 4) if taken_s > 0 else None
    return rate, [(at + 1, round(float(intervals[at]), 4)) for at in worst]


def _read_camera(take: Take, key: str, part: slice, fps: float) -> CameraInput:
    feature = take.manifest["features"].get(key, {})
    depth = is_depth(feature)
    try:
        track = take.camera(key)
        frame = take.frame_index(key)[part]
    except (SpoolError, OSError) as error:
        return CameraInput(problem=str(error), depth=depth)
    captured = np.asarray(take.column(f"{key}/captured_ns"), np.int64)[part]
    used = frame[frame >= 0]
    stored = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)
    return CameraInput(
        frame=frame,
        captured_ns=np.where(frame >= 0, captured, 0),
        seq=track.seq[stored],
        frame_ns=track.captured_ns[stored],
        content=_content(take, track),
        pictures=look_at(track, frame, fps),
        depth=depth,
        clipped=clipped_share(track, frame, depth_scale(feature)) if depth else 0.0,
    )


def _content(take: Take, track: CameraTrack) -> NDArray[np.int64] | None:
    """Neighbours with one number have one checksum and one size: the same bytes. Costs no read of the pictures."""
    records, whole = read_index(take.folder / f"{track.key}.idx")
    records = records[whole][: track.count]
    if len(records) != track.count:
        return None
    same = (records["crc"][1:] == records["crc"][:-1]) & (records["size"][1:] == records["size"][:-1])
    return np.concatenate([[0], np.cumsum(~same)]).astype(np.int64) if len(records) else np.empty(0, np.int64)


def sampled_ticks(ticks: int, fps: float) -> NDArray[np.int64]:
    """The ticks whose pictures are looked at."""
    step = max(1.0, fps / SAMPLES_HZ, ticks / MOST_SAMPLES)
    return np.arange(0, ticks, step).astype(np.int64)


def look_at(track: CameraTrack, frame: NDArray[np.int64], fps: float) -> PictureSeries:
    """Samples of a camera's pictures; `frame` int64 (ticks,) is which frame each tick shows."""
    meter = PictureMeter()
    for count, tick in enumerate(sampled_ticks(len(frame), fps).tolist()):
        at = int(frame[tick])
        if at < 0:
            continue
        try:
            packet = track.packet(at)
            meter.add(tick, decode(packet, track.codec, SMALL))
            if count % _DETAILED == 0:
                meter.add_detail(decode(packet, track.codec, DETAIL))
        except (SpoolError, ImageError, OSError):
            meter.add_damaged(tick)
    return meter.series()
