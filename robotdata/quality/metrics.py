"""What was measured of one take: plain numbers, to be kept beside it and compared with other takes' numbers.

Ticks count from `TakeMetrics.first_tick`, where the measured part of the take begins. Stretches are [first, end).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from robotdata.quality.errors import BadMetrics
from robotdata.quality.runs import Run
from robotdata.spool.facts import MAX_FPS, MAX_TICKS

VERSION = 1
_FORMAT = "robotdata-quality"


@dataclass(frozen=True)
class SignalMetrics:
    """One numeric feature; lists hold one entry a name.

    `low` and `high` are the 1st and 99th percentile; `moves` tells moving from standing still with noise;
    `discrete` has four distinct values or fewer; steps are |x[t+1] - x[t]|; a `glitch` leaves and is back within
    three ticks; `jerk` is the mean |third difference|; `limit_share` the share of ticks in which it is cut off.
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
    """How state follows action, name by name; `gap` is the mean |action[t] - state[t + lag]|.

    `worst` is the largest gap that lasts a whole second, from tick `worst_at`. `stuck` names joints that are told
    to move and do not.
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
    """One camera. Shares are of all ticks, light of white; what could not be known is None.

    `repeated` ticks had no fresh frame; `stale` are stretches of that, longer than three of its periods;
    `frozen` ones in which fresh frames repeat the same picture while the robot moves.
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
    """A take in few numbers: each joint's way in sixteen steps (thousandths of its own range), and a few pictures."""

    ways: dict[str, list[list[int]]] = field(default_factory=dict)
    pictures: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class TakeMetrics:
    """All measures of one take; see `docs/quality.md`. `gaps` are (tick, seconds) at which the loop stalled."""

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
        """Seconds at the nominal rate."""
        return self.ticks / self.fps

    @property
    def lead_in(self) -> int:
        """Ticks before every camera had a picture: an export leaves them out, and a player counts from there."""
        return max((camera.first_picture or 0 for camera in self.cameras.values()), default=0)

    def to_json(self) -> dict[str, Any]:
        """As JSON, with its format and version."""
        measures: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return {"format": _FORMAT, "version": VERSION, **measures}

    @staticmethod
    def from_json(data: Any) -> TakeMetrics:
        """What `to_json` gave; raises BadMetrics for anything else, older versions included."""
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise BadMetrics(f"they are not of format {_FORMAT!r}")
        if data.get("version") != VERSION:
            raise BadMetrics(f"version {data.get('version')!r}, this program reads {VERSION}")
        try:
            metrics = _ADAPTER.validate_python({k: v for k, v in data.items() if k not in ("format", "version")})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise BadMetrics(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        if not 0 < metrics.fps <= MAX_FPS or not 0 <= metrics.ticks <= MAX_TICKS:
            raise BadMetrics(f"{metrics.ticks} ticks at {metrics.fps} a second")
        if (odd := _odd_value(data)) is not None:
            raise BadMetrics(f"they hold {odd!a:.40}, which no measure has")
        for name, signal in metrics.signals.items():
            lists = (value for value in vars(signal).values() if isinstance(value, list))
            if any(len(each) != len(signal.names) for each in lists):
                raise BadMetrics(f"signals.{name}: lists of different lengths")
        return metrics


_ADAPTER = TypeAdapter(TakeMetrics)


def _odd_value(value: Any) -> int | float | str | None:
    """Find a value that no take can have: a number that is not finite or beyond 64 bits, a text that is not UTF-8."""
    if isinstance(value, dict | list):
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        return next((odd for each in inner if (odd := _odd_value(each)) is not None), None)
    if isinstance(value, str):
        return None if value.isascii() or value == value.encode("utf-8", "replace").decode() else value
    odd = not math.isfinite(value) if isinstance(value, float) else isinstance(value, int) and abs(value) >= 2**63
    return value if odd else None
