"""The measures of one take: plain numbers that are stored beside it and compared with other takes.

Ticks count from `TakeMetrics.first_tick`, where the measured part of the take begins. Runs are half-open: [first, end).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from robotdata.quality.errors import BadMetrics
from robotdata.quality.runs import Run
from robotdata.spool.facts import MAX_FPS, MAX_TICKS

if TYPE_CHECKING:
    from pydantic import TypeAdapter

VERSION = 1
_FORMAT = "robotdata-quality"


@dataclass(frozen=True)
class SignalMetrics:
    """Measures of one numeric feature. Every list has one entry per name, in the unit of the signal.

    `broken`: number of ticks with a NaN or an infinity; `broken_at` and `broken_name`: the first of them. `least` and
    `most`: the range. `low` and `high`: the 1st and 99th percentile. `moves`: whether the joint moves, as opposed to
    noise. `discrete`: at most four distinct values. `mean_step` and `largest_step`: of |x[t+1] - x[t]|. `glitch`: the
    largest excursion that returns within three ticks. `jerk`: the mean |third difference|. `limit_share` and
    `limit_run`: the share of ticks in which the joint is clipped at its limit, and the longest such run.
    """

    names: list[str]
    broken: int
    broken_at: int | None
    broken_name: str
    least: list[float]
    most: list[float]
    low: list[float]
    high: list[float]
    moves: list[bool]
    discrete: list[bool]
    constant: list[bool]
    mean_step: list[float]
    largest_step: list[float]
    largest_step_at: list[int]
    glitch: list[float]
    glitch_at: list[int]
    jerk: list[float]
    limit_share: list[float]
    limit_run: list[Run | None]


@dataclass(frozen=True)
class PairMetrics:
    """How state follows action. Every list but `stuck` has one entry per name that both features have.

    `lag`: the ticks by which the state follows best. `gap`: the mean |action[t] - state[t + lag]|. `worst`: the largest
    gap that lasts one second, beginning at tick `worst_at`. `stuck`: the joints that get commands and do not move.
    """

    state: str
    action: str
    names: list[str]
    lag: int
    gap: list[float]
    worst: list[float]
    worst_at: list[int]
    stuck: list[str]


@dataclass(frozen=True)
class CameraMetrics:
    """Measures of one camera. A value that could not be measured is None.

    `problem`: why the camera's files cannot be read. `frames`: stored frames. `rate_hz`: 1 / median interval.
    `first_picture`: the first tick with a frame. `repeated`: the share of ticks without a new frame. `dropped`: missing
    sequence numbers; `largest_hole` of them at tick `largest_hole_at`. `age_*_ms`: age of the frame at a tick.
    `skew_p95_ms`: how much older it is than the newest frame of all cameras, 95th percentile. `stale`: runs without a
    new frame, longer than three of the camera's periods. `out_of_step`: runs in which the camera lags behind the
    others. `frozen`: runs of new frames with the same content while the robot moves. `black` and `flat`: runs of such
    images; `flat_share` of the samples. `light`: median brightness, 0 to 1. `damaged`: samples that cannot be decoded.
    `resized_at`: the tick at which the image size changes. `clipped`: the share of depth values outside the scale.
    """

    frames: int | None = None
    problem: str = ""
    rate_hz: float | None = None
    first_picture: int | None = None
    repeated: float | None = None
    dropped: int = 0
    largest_hole: int = 0
    largest_hole_at: int | None = None
    age_p50_ms: float | None = None
    age_p99_ms: float | None = None
    stale: list[Run] = field(default_factory=list)
    out_of_step: list[Run] = field(default_factory=list)
    skew_p95_ms: float | None = None
    frozen: list[Run] = field(default_factory=list)
    black: list[Run] = field(default_factory=list)
    flat: list[Run] = field(default_factory=list)
    light: float | None = None
    flat_share: float = 0.0
    sharpness: float | None = None
    damaged: int = 0
    damaged_at: int | None = None
    resized_at: int | None = None
    clipped: float = 0.0
    depth: bool = False


@dataclass(frozen=True)
class Fingerprint:
    """A summary of a take that is small enough to compare it with hundreds of others.

    `ways[feature]` holds, for each joint, the mean position in sixteen equal parts of the take, in thousandths of the
    joint's own range. `pictures[camera]` holds the perceptual hashes of three frames.
    """

    ways: dict[str, list[list[int]]] = field(default_factory=dict)
    pictures: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class TakeMetrics:
    """All measures of one take; `docs/quality.md` describes their use.

    `gaps`: (tick, seconds) where the control loop stalled. `still_head` and `still_tail`: ticks without motion at both
    ends. `trim`: the run to keep, or None if nothing need be cut.
    """

    fps: float
    ticks: int
    first_tick: int = 0
    id: str = ""
    task: str = ""
    recorded_at: str = ""
    rate_hz: float | None = None
    gaps: list[tuple[int, float]] = field(default_factory=list)
    still_head: int = 0
    still_tail: int = 0
    trim: Run | None = None
    signals: dict[str, SignalMetrics] = field(default_factory=dict)
    cameras: dict[str, CameraMetrics] = field(default_factory=dict)
    pair: PairMetrics | None = None
    fingerprint: Fingerprint = field(default_factory=Fingerprint)

    @property
    def duration_s(self) -> float:
        """Duration in seconds at the nominal rate."""
        return self.ticks / self.fps

    @property
    def lead_in(self) -> int:
        """Ticks before every camera has a frame. An export leaves them out, and a player counts from there."""
        return max((camera.first_picture or 0 for camera in self.cameras.values()), default=0)

    def to_json(self) -> dict[str, Any]:
        """Return the measures as JSON values, with their format and version."""
        measures: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return {"format": _FORMAT, "version": VERSION, **measures}

    @staticmethod
    def from_json(data: Any) -> TakeMetrics:
        """Read what `to_json` returned. Raises BadMetrics for anything else, including other versions."""
        from pydantic import ValidationError

        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise BadMetrics(f"they are not of format {_FORMAT!r}")
        if data.get("version") != VERSION:
            raise BadMetrics(f"version {data.get('version')!r}, this program reads {VERSION}")
        try:
            metrics = _adapter().validate_python({k: v for k, v in data.items() if k not in ("format", "version")})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise BadMetrics(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        if not 0 < metrics.fps <= MAX_FPS or not 0 <= metrics.ticks <= MAX_TICKS:
            raise BadMetrics(f"{metrics.ticks} ticks at {metrics.fps} a second")
        if (invalid := _invalid_value(data)) is not None:
            raise BadMetrics(f"they hold {invalid!a:.40}, which no measure has")
        for name, signal in metrics.signals.items():
            lists = (value for value in vars(signal).values() if isinstance(value, list))
            if any(len(each) != len(signal.names) for each in lists):
                raise BadMetrics(f"signals.{name}: lists of different lengths")
        return metrics


@cache
def _adapter() -> TypeAdapter[TakeMetrics]:
    """Return what reads and writes metrics; most processes that know of them do neither."""
    from pydantic import TypeAdapter

    return TypeAdapter(TakeMetrics)


def _invalid_value(value: Any) -> int | float | str | None:
    """Return a value that no take can have, or None if there is none.

    Such values are numbers that are not finite or exceed 64 bits, and texts that are not valid UTF-8.
    """
    if isinstance(value, dict | list):
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        return next((odd for each in inner if (odd := _invalid_value(each)) is not None), None)
    if isinstance(value, str):
        return None if value.isascii() or value == value.encode("utf-8", "replace").decode() else value
    odd = not math.isfinite(value) if isinstance(value, float) else isinstance(value, int) and abs(value) >= 2**63
    return value if odd else None
