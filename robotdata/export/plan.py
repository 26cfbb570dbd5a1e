"""Which frame goes to which row: the honest grid.

A take's ticks are a dataset's rows. For each tick and camera it is the newest frame that the loop had, which its
row names; where that very frame is not stored, the newest stored one before it, and that is counted. Nothing is
interpolated, nothing filled in silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.export.errors import ExportRefused
from robotdata.spool import Take

WARN_RATE = 0.02
REFUSE_RATE = 0.10


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """Rows are ticks [first_tick, end_tick) of the take.

    `frames[key]` int64 (rows,): the frame of the camera's track; `age_ns[key]` int64 (rows,): how old it was.
    `repeated[key]` rows show the same frame as the row before, in `missing[key]` rows an older frame stands for
    one that is not stored. `cut_ticks` ticks at the start came before a camera's first frame. `rate_hz` is the
    loop's true rate, `rate_error` its relative distance from fps (0.03 is 3 % too fast). `warnings` are sentences.
    """

    first_tick: int
    end_tick: int
    fps: float
    frames: dict[str, NDArray[np.int64]]
    age_ns: dict[str, NDArray[np.int64]]
    repeated: dict[str, int]
    missing: dict[str, int]
    cut_ticks: int
    rate_hz: float
    rate_error: float
    warnings: list[str]

    @property
    def rows(self) -> int:
        return self.end_tick - self.first_tick

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


def plan_take(take: Take, trim: tuple[int, int] | list[int] | None = None, *, accept_rate: bool = False) -> ExportPlan:
    """The plan for `take`, or for its ticks [first, end) of `trim`.

    Raises ExportRefused while the take is being recorded, where no row is left, and where the loop's rate is more
    than 10 % off unless `accept_rate` says that a person accepts it. Raises what reading the spool raises.
    """
    name = f"take {take.id}"
    if take.state == "recording":
        raise ExportRefused(f"{name} is still being recorded; stop it first")
    first, end = _range(name, take.ticks, trim)
    indices = {key: take.frame_index(key)[first:end] for key in take.cameras}
    cut = _ticks_before_frames(name, indices)
    frames = {key: index[cut:] for key, index in indices.items()}
    first += cut
    ticks_ns = np.asarray(take.column("monotonic_ns"), np.int64)[first:end]
    fps = float(take.manifest["fps"])
    rate = _rate(ticks_ns, fps)
    warnings = []
    if cut:
        warnings.append(f"{cut} ticks at the start are left out: not every camera had its first frame yet")
    missing = {key: _missing(take, key, index, first, end) for key, index in frames.items()}
    for key, count in missing.items():
        if count:
            warnings.append(f"{key}: for {count} rows the frame is not stored; the newest stored one before it is used")
    error = rate / fps - 1
    warnings += _check_rate(name, rate, fps, accept_rate)
    return ExportPlan(
        first_tick=first,
        end_tick=end,
        fps=fps,
        frames=frames,
        age_ns={key: ticks_ns - take.camera(key).captured_ns[index] for key, index in frames.items()},
        repeated={key: int(np.count_nonzero(np.diff(index) == 0)) for key, index in frames.items()},
        missing=missing,
        cut_ticks=cut,
        rate_hz=rate,
        rate_error=error,
        warnings=warnings,
    )


def _range(name: str, ticks: int, trim: tuple[int, int] | list[int] | None) -> tuple[int, int]:
    if ticks < 1:
        raise ExportRefused(f"{name} has no rows; reject it")
    if trim is None:
        return 0, ticks
    first, end = int(trim[0]), int(trim[1])
    if not 0 <= first < end <= ticks:
        raise ExportRefused(f"{name}: trim [{first}, {end}) is not within its {ticks} ticks; set it anew")
    return first, end


def _ticks_before_frames(name: str, indices: dict[str, NDArray[np.int64]]) -> int:
    cut = 0
    for key, index in indices.items():
        there = np.flatnonzero(index >= 0)
        if not len(there):
            raise ExportRefused(f"{name} has no frame of {key} in this range; reject it, or trim it otherwise")
        cut = max(cut, int(there[0]))
    return cut


def _missing(take: Take, key: str, index: NDArray[np.int64], first: int, end: int) -> int:
    named = np.asarray(take.column(f"{key}/seq"), np.int64)[first:end]
    return int(np.count_nonzero(take.camera(key).seq[index] != named))


def _rate(ticks_ns: NDArray[np.int64], fps: float) -> float:
    if len(ticks_ns) < 2 or ticks_ns[-1] <= ticks_ns[0]:
        return fps
    return float((len(ticks_ns) - 1) * 1e9 / (ticks_ns[-1] - ticks_ns[0]))


def _check_rate(name: str, rate: float, fps: float, accept: bool) -> list[str]:
    off = abs(rate / fps - 1)
    words = f"the loop ran at {rate:.2f} Hz, not {fps:g} ({100 * (rate / fps - 1):+.1f} %)"
    if off > REFUSE_RATE and not accept:
        raise ExportRefused(
            f"{name}: {words}; its times would be wrong by more than {REFUSE_RATE:.0%}. Accept that, or reject the take"
        )
    return [words] if off > WARN_RATE else []
