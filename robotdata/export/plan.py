"""Which frame goes to which row: the loop's ticks are the grid, and nothing is invented.

LeRobot wants `timestamp = frame_index / fps`. The loop's ticks are that grid; for each tick and camera the plan
takes the frame that the loop had then (what a policy would have seen) and keeps how old it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.export.errors import ExportRefused
from robotdata.spool import Take

RATE_WARN = 0.02
RATE_REFUSE = 0.10


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """Rows [first_tick, end_tick) of a take and, for each camera, the packet that each row shows.

    `frames[key]` int64 (rows,) indices into `take.camera(key)`; `age_ns[key]` int64 (rows,) nanoseconds between a
    frame's capture and its tick; `repeated[key]` rows that show the frame of the row before; `missing[key]` rows
    whose own frame was not stored, so that the newest stored one before it stands in. `rate_hz` was measured.
    """

    fps: float
    first_tick: int
    end_tick: int
    lead_in: int  # ticks cut because some camera had no frame yet
    frames: dict[str, NDArray[np.int64]]
    age_ns: dict[str, NDArray[np.int64]]
    repeated: dict[str, int]
    missing: dict[str, int]
    rate_hz: float
    warnings: tuple[str, ...]

    @property
    def rows(self) -> int:
        return self.end_tick - self.first_tick

    @property
    def rate_error(self) -> float:
        """How far the loop's measured rate is off, as a share of fps."""
        return abs(self.rate_hz - self.fps) / self.fps

    def summary(self) -> dict[str, Any]:
        """What is worth keeping beside the episode, as JSON values; ages in milliseconds."""
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
    """The plan for `take`. `trim` is [first, end) in frames of the untrimmed plan: what the player counts.

    Raises ExportRefused where there is nothing to export, where `trim` keeps nothing, and where the loop ran more
    than 10 % off its rate and nobody has accepted that.
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
    frames = {key: found[first:end] for key, found in index.items()}
    missing = {key: _missing(take, key, found, first, end) for key, found in frames.items()}
    return ExportPlan(
        fps=fps,
        first_tick=first,
        end_tick=end,
        lead_in=lead_in,
        frames=frames,
        age_ns={key: _ages(take, key, found, first, end) for key, found in frames.items()},
        repeated={key: int((np.diff(found) == 0).sum()) for key, found in frames.items()},
        missing=missing,
        rate_hz=rate,
        warnings=(*warnings, *_lost_words(missing)),
    )


def packets_of(take: Take, plan: ExportPlan, key: str) -> Iterator[bytes]:
    """One packet a row, in row order; raises TornPacket where one is damaged."""
    track = take.camera(key)
    for index in plan.frames[key]:
        yield track.packet(int(index))


def measured_rate(monotonic_ns: NDArray[np.int64], fps: float) -> float:
    """Ticks a second over the whole range, Hz; `fps` where there are too few ticks to tell."""
    if len(monotonic_ns) < 2 or monotonic_ns[-1] <= monotonic_ns[0]:
        return fps
    return float((len(monotonic_ns) - 1) / (int(monotonic_ns[-1] - monotonic_ns[0]) / 1e9))


def _lead_in(take: Take, index: dict[str, NDArray[np.int64]]) -> int:
    """Ticks before every camera had a frame: no policy would have seen them."""
    empty = [key for key, found in index.items() if not (found >= 0).any()]
    if empty:
        raise ExportRefused("no_frames", f"take {take.id}: no frame of {', '.join(empty)} was stored; reject the take")
    return max((int(np.argmax(found >= 0)) for found in index.values()), default=0)


def _trimmed(take: Take, lead_in: int, ticks: int, trim: Sequence[int] | None) -> tuple[int, int]:
    if trim is None:
        return lead_in, ticks
    first, end = lead_in + max(0, int(trim[0])), min(ticks, lead_in + int(trim[1]))
    if first >= end:
        raise ExportRefused(
            "bad_trim", f"take {take.id}: the trim [{trim[0]}, {trim[1]}) keeps none of its {ticks - lead_in} frames"
        )
    return first, end


def _judge_rate(take: Take, rate: float, fps: float, accept: bool) -> tuple[str, ...]:
    error = abs(rate - fps) / fps
    if error <= RATE_WARN:
        return ()
    words = f"the loop ran at {rate:.2f} Hz instead of {fps:g}, so this episode plays {rate / fps:.2f}x its real speed"
    if error > RATE_REFUSE and not accept:
        raise ExportRefused("rate", f"take {take.id}: {words}. Reject it, or accept its rate and encode again")
    return (words,)


def _ages(take: Take, key: str, found: NDArray[np.int64], first: int, end: int) -> NDArray[np.int64]:
    # Of the frame that is shown, not of one that was lost on its way to the disk.
    ticks = np.asarray(take.column("monotonic_ns"), np.int64)[first:end]
    return np.asarray(ticks - take.camera(key).captured_ns[found], np.int64)


def _lost_words(missing: dict[str, int]) -> list[str]:
    return [
        f"{key}: in {count} rows the frame was lost before it was stored; the newest stored one before it is shown"
        for key, count in missing.items()
        if count
    ]


def _missing(take: Take, key: str, found: NDArray[np.int64], first: int, end: int) -> int:
    wanted = np.asarray(take.column(f"{key}/seq"), np.int64)[first:end]
    return int((take.camera(key).seq[found] != wanted).sum())
