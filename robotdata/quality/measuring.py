"""Measure a take, from arrays or from its folder in the spool."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robotdata.capture.actions import ACTION
from robotdata.dataset.features import depth_scale, is_depth
from robotdata.quality.cameras import measure_cameras
from robotdata.quality.depths import clipped_share
from robotdata.quality.fingerprint import fingerprint_of
from robotdata.quality.inputs import CameraInput, SignalInput, TakeInput, flat_names, is_numeric
from robotdata.quality.metrics import TakeMetrics
from robotdata.quality.motion import Motion
from robotdata.quality.pairs import ignore_resting_joints, measure_pair
from robotdata.quality.pictures import DETAIL, SMALL, PictureMeter, PictureSeries, decode
from robotdata.quality.signals import measure_signal
from robotdata.spool import CameraTrack, SpoolError, Take
from robotdata.spool.index import read_index
from robotdata.video.jpeg import ImageError

SAMPLES_HZ = 5
MAX_SAMPLES = 1500
"""Frames decoded per camera: five per second of takes up to five minutes, fewer per second of longer takes."""
_DETAIL_EVERY = 5
"""Every fifth sample is also decoded at half size, for its sharpness."""
_GAP_PERIODS = 2.5
"""The control loop stalled where a tick comes more than this many periods after the one before."""
_MAX_GAPS = 20


class Plan(Protocol):
    """The ticks of a take that would be exported: [first_tick, end_tick)."""

    @property
    def first_tick(self) -> int: ...

    @property
    def end_tick(self) -> int: ...


def measure(take: TakeInput) -> TakeMetrics:
    """Return all measures of `take`. Their ticks count from `take.first_tick`."""
    signals = {name: measure_signal(each.names, each.values, take.fps) for name, each in take.signals.items()}
    signals = ignore_resting_joints(take.signals, signals)
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


def take_metrics(take: Take, plan: Plan | None = None, *, recorded_action: str = "") -> TakeMetrics:
    """Return all measures of a take in the spool, or of the part that `plan` would export.

    `recorded_action`, SENT or REQUESTED, is which of its two actions is measured as `action`: the one that its dataset
    would get, by default the rig's choice; that which was sent if the take holds no other. A camera whose files are
    missing or torn is reported in its measures. Raises SpoolError if the rows cannot be read.
    """
    return measure(read_take(take, plan, recorded_action=recorded_action))


def read_take(take: Take, plan: Plan | None = None, *, recorded_action: str = "") -> TakeInput:
    """Return the take as arrays, as `take_metrics` measures it, with samples of its frames.

    Raises SpoolError if the rows cannot be read.
    """
    manifest = take.manifest
    kept = slice(plan.first_tick, plan.end_tick) if plan is not None else slice(0, take.rows.num_rows)
    time_ns = np.asarray(take.column("monotonic_ns"), np.int64)[kept]
    action = take.action_column(recorded_action or take.recorded_action) or ACTION
    signals: dict[str, SignalInput] = {}
    for name, feature in manifest["features"].items():
        if is_numeric(name, feature) and name in take.rows.column_names:
            values = take.signal(action if name == ACTION else name)[kept]
            signals[name] = SignalInput(flat_names(name, feature, values.shape[1]), values)
    fps = float(manifest["fps"])
    return TakeInput(
        fps=fps,
        ticks=len(time_ns),
        time_ns=time_ns,
        first_tick=kept.start,
        signals=signals,
        cameras={key: _read_camera(take, key, kept, fps) for key in take.cameras},
        id=take.id,
        task=str(manifest.get("task") or ""),
        recorded_at=str(manifest.get("started_at") or ""),
    )


def _rate(take: TakeInput) -> tuple[float | None, list[tuple[int, float]]]:
    """Return the measured rate of the control loop in Hz, and its stalls as (tick, seconds), longest first.

    The rate is (ticks - 1) / (time of the last tick - time of the first tick). It is None if the times are unknown.
    """
    if take.time_ns is None or take.ticks < 2:
        return None, []
    intervals = np.diff(take.time_ns) / 1e9
    taken_s = float(intervals.sum())
    late = np.flatnonzero(intervals > _GAP_PERIODS / take.fps)
    worst = sorted(late.tolist(), key=lambda index: -intervals[index])[:_MAX_GAPS]
    rate = round((take.ticks - 1) / taken_s, 4) if taken_s > 0 else None
    return rate, [(index + 1, round(float(intervals[index]), 4)) for index in worst]


def _read_camera(take: Take, key: str, kept: slice, fps: float) -> CameraInput:
    """Return one camera as arrays; `problem` is set if its files cannot be read."""
    feature = take.manifest["features"].get(key, {})
    depth = is_depth(feature)
    try:
        track = take.camera(key)
        frame = take.frame_index(key)[kept]
    except (SpoolError, OSError) as error:
        return CameraInput(problem=str(error), depth=depth)
    captured = np.asarray(take.column(f"{key}/captured_ns"), np.int64)[kept]
    used = frame[frame >= 0]
    stored = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)
    return CameraInput(
        frame=frame,
        captured_ns=np.where(frame >= 0, captured, 0),
        seq=track.seq[stored],
        frame_ns=track.captured_ns[stored],
        content=_content(take, track),
        pictures=sample_frames(track, frame, fps),
        depth=depth,
        clipped=clipped_share(track, frame, depth_scale(feature)) if depth else 0.0,
    )


def _content(take: Take, track: CameraTrack) -> NDArray[np.int64] | None:
    """Return int64 (frames,), equal for neighbouring frames whose checksum and size are equal; None if unknown.

    The spool's index holds both, so no frame is read.
    """
    records, complete = read_index(take.folder / f"{track.key}.idx")
    records = records[complete][: track.count]
    if len(records) != track.count:
        return None
    same = (records["crc"][1:] == records["crc"][:-1]) & (records["size"][1:] == records["size"][:-1])
    return np.concatenate([[0], np.cumsum(~same)]).astype(np.int64) if len(records) else np.empty(0, np.int64)


def sampled_ticks(ticks: int, fps: float) -> NDArray[np.int64]:
    """Return int64 (k,): the ticks whose frames are decoded, at most MAX_SAMPLES."""
    step = max(1.0, fps / SAMPLES_HZ, ticks / MAX_SAMPLES)
    return np.arange(0, ticks, step).astype(np.int64)


def sample_frames(track: CameraTrack, frame: NDArray[np.int64], fps: float) -> PictureSeries:
    """Decode samples of a camera's frames. `frame` int64 (ticks,): the stored frame of each tick, -1 for none."""
    meter = PictureMeter()
    for count, tick in enumerate(sampled_ticks(len(frame), fps).tolist()):
        index = int(frame[tick])
        if index < 0:
            continue
        try:
            packet = track.packet(index)
            meter.add(tick, decode(packet, track.codec, SMALL))
            if count % _DETAIL_EVERY == 0:
                meter.add_detail(decode(packet, track.codec, DETAIL))
        except (SpoolError, ImageError, OSError):
            meter.add_damaged(tick)
    return meter.series()
