"""Choose the frame of each dataset row.

A LeRobot row has `timestamp = frame_index / fps`. The ticks of the control loop are these rows. For each tick and
camera the plan takes the frame that the loop had at that tick, which is what a policy would have seen, and keeps its
age. Frames are never interpolated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.export.errors import ExportRefused
from robotdata.numbers import count as count_of
from robotdata.spool import Take

RATE_WARN = 0.02
RATE_REFUSE = 0.10
"""Shares by which the measured rate may differ from fps before the export warns or refuses."""


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """Rows [first_tick, end_tick) of a take and, for each camera, the stored frame of each row.

    `frames[key]`: int64 (rows,), indices into `take.camera(key)`. `age_ns[key]`: int64 (rows,), nanoseconds from the
    capture of the frame to its tick. `repeated[key]`: number of rows that show the frame of the row before.
    `missing[key]`: number of rows whose own frame was not stored, so that the newest stored frame before it is shown.
    `rate_hz`: measured rate of the control loop.
    """

    fps: float
    first_tick: int
    end_tick: int
    lead_in: int  # ticks before every camera had a frame; they are cut
    frames: dict[str, NDArray[np.int64]]
    age_ns: dict[str, NDArray[np.int64]]
    repeated: dict[str, int]
    missing: dict[str, int]
    rate_hz: float
    warnings: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.end_tick - self.first_tick

    @property
    def rate_error(self) -> float:
        """|rate_hz - fps| / fps."""
        return abs(self.rate_hz - self.fps) / self.fps

    def summary(self) -> dict[str, Any]:
        """Return what is stored beside the episode, as JSON values. Ages are in milliseconds."""
        ages = {key: age / 1e6 for key, age in self.age_ns.items()}
        return {
            "first_tick": self.first_tick,
            "end_tick": self.end_tick,
            "rate_hz": round(self.rate_hz, 4),
            "repeated": self.repeated,
            "missing": self.missing,
            "age_ms": {
                key: {"median": round(float(np.median(age)), 2), "max": round(float(age.max()), 2)}
                for key, age in ages.items()
            },
        }


def plan_take(
    take: Take,
    trim: Sequence[int] | None = None,
    *,
    cameras: Sequence[str] | None = None,
    accept_rate: bool = False,
) -> ExportPlan:
    """Return the export plan of `take`.

    `trim` is [first, end) in frames of the untrimmed plan, as the player counts them. `cameras` defaults to all. Raises
    ExportRefused if the take is still being recorded or has no rows or frames, if `trim` keeps nothing, or if the
    loop's rate differs from fps by more than 10 % and `accept_rate` is False.
    """
    ticks = take.ticks
    if take.state == "recording":
        raise ExportRefused("recording", f"take {take.id} is still being recorded; stop it first")
    if ticks == 0:
        raise ExportRefused("no_rows", f"take {take.id} has no rows: 0 frames cannot be an episode; reject it")
    keys = list(take.cameras if cameras is None else cameras)
    index = {key: take.frame_index(key)[:ticks] for key in keys}
    lead_in = _lead_in(take, index)
    first, end = _trimmed(take, lead_in, ticks, trim)
    fps = float(take.manifest["fps"])
    rate = measured_rate(np.asarray(take.column("monotonic_ns"), np.int64)[first:end], fps)
    warnings = _judge_rate(take, rate, fps, accept_rate)
    frames = {key: indices[first:end] for key, indices in index.items()}
    missing = {key: _missing(take, key, indices, first, end) for key, indices in frames.items()}
    return ExportPlan(
        fps=fps,
        first_tick=first,
        end_tick=end,
        lead_in=lead_in,
        frames=frames,
        age_ns={key: _ages(take, key, indices, first, end) for key, indices in frames.items()},
        repeated={key: int((np.diff(indices) == 0).sum()) for key, indices in frames.items()},
        missing=missing,
        rate_hz=rate,
        warnings=(*warnings, *_missing_warnings(missing)),
    )


def packets_of(take: Take, plan: ExportPlan, key: str) -> Iterator[bytes]:
    """Yield one packet per row, in order. Raises TornPacket if one is damaged."""
    track = take.camera(key)
    for index in plan.frames[key]:
        yield track.packet(int(index))


def measured_rate(monotonic_ns: NDArray[np.int64], fps: float) -> float:
    """Return the mean rate in Hz of `monotonic_ns`, int64 (ticks,); `fps` if there are too few ticks to measure it."""
    if len(monotonic_ns) < 2 or monotonic_ns[-1] <= monotonic_ns[0]:
        return fps
    return float((len(monotonic_ns) - 1) / (int(monotonic_ns[-1] - monotonic_ns[0]) / 1e9))


def _lead_in(take: Take, index: dict[str, NDArray[np.int64]]) -> int:
    """Return the number of ticks before every camera has a frame.

    They are cut, because a policy would not have had a complete observation. `index[key]` is int64 (ticks,), -1 where
    there is no frame.
    """
    empty = [key for key, indices in index.items() if not (indices >= 0).any()]
    if empty:
        names = ", ".join(key.removeprefix("observation.images.") for key in empty)
        raise ExportRefused("no_frames", f"take {take.id}: no frame of {names} was stored; reject the take")
    return max((int(np.argmax(indices >= 0)) for indices in index.values()), default=0)


def _trimmed(take: Take, lead_in: int, ticks: int, trim: Sequence[int] | None) -> tuple[int, int]:
    """Return the ticks [first, end) that `trim` keeps, or all after the lead-in."""
    if trim is None:
        return lead_in, ticks
    first, end = lead_in + max(0, int(trim[0])), min(ticks, lead_in + int(trim[1]))
    if first >= end:
        raise ExportRefused(
            "bad_trim", f"take {take.id}: the trim [{trim[0]}, {trim[1]}) keeps none of its {ticks - lead_in} frames"
        )
    return first, end


def _judge_rate(take: Take, rate: float, fps: float, accept: bool) -> tuple[str, ...]:
    """Return the warning about the loop's rate, if any. Raises ExportRefused if the rate is off by too much."""
    error = abs(rate - fps) / fps
    if error <= RATE_WARN:
        return ()
    speed = f"this episode plays at {fps / rate:.2f}x real speed"
    warning = f"the loop ran at {rate:.2f} Hz instead of {fps:g}, so {speed}"
    if error > RATE_REFUSE and not accept:
        raise ExportRefused("rate", f"take {take.id}: {warning}. Reject it, or accept its rate and encode again")
    return (warning,)


def _ages(take: Take, key: str, indices: NDArray[np.int64], first: int, end: int) -> NDArray[np.int64]:
    """Return int64 (rows,): nanoseconds from the capture of the shown frame to its tick."""
    # The column `captured_ns` would give the age of the loop's frame, which may not have been stored.
    ticks = np.asarray(take.column("monotonic_ns"), np.int64)[first:end]
    return np.asarray(ticks - take.camera(key).captured_ns[indices], np.int64)


def _missing_warnings(missing: dict[str, int]) -> list[str]:
    """Return one warning per camera with rows whose frame was not stored."""
    return [
        f"{key}: in {count_of(count, 'row')} the frame was lost before it was stored; the newest stored one before it "
        "is shown"
        for key, count in missing.items()
        if count
    ]


def _missing(take: Take, key: str, indices: NDArray[np.int64], first: int, end: int) -> int:
    """Return the number of rows whose own frame was not stored."""
    expected_seq = np.asarray(take.column(f"{key}/seq"), np.int64)[first:end]
    return int((take.camera(key).seq[indices] != expected_seq).sum())
