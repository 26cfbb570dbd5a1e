"""From when on something is worth a mark. All of it is shares, ratios, periods and seconds: nothing of any robot."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from robotdata.quality.errors import BadThresholds


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Shares are of 1. `z` counts robust standard deviations (1.4826 MAD) from the median of the other takes."""

    peers: float = 5  # fewer other takes than that say nothing about what is usual
    dead_peers: float = 20  # so many others must be known, and a joint move in 95 % of them, to miss it in one
    z: float = 6
    rate_warn: float = 0.02
    rate_bad: float = 0.10
    gap_s: float = 0.2  # the control loop stalled
    gap_bad_s: float = 1.0
    stale_s: float = 0.2  # no fresh picture
    stale_warn_s: float = 0.5
    stale_bad_s: float = 2.0
    late_start_s: float = 0.5  # the first picture came that late
    frozen_s: float = 1.0
    dropped_note: float = 0.01
    dropped_warn: float = 0.03
    dropped_bad: float = 0.10
    late_s: float = 0.1  # age of a picture when the loop uses it, and at least three of the camera's periods
    step_s: float = 0.5  # a camera out of step with the others for that long
    black_s: float = 0.4
    clipped: float = 0.01  # share of depth that the scale cannot hold
    limit_note: float = 0.35  # share of ticks in which a joint is cut off; robots pause at their extremes as well
    limit_warn: float = 0.6
    idle_s: float = 2.0
    slow_camera: float = 0.2
    light: float = 0.15
    blurred: float = 0.5  # sharpness, of what is usual
    length: float = 2.0  # times longer or shorter than usual
    little_motion: float = 0.25  # of the usual way
    glitch: float = 0.15  # of the dataset's range, out and back within three ticks
    jump: float = 0.3  # of the dataset's range, in one tick
    sudden: float = 4.0  # times the usual largest one
    jerk: float = 3.0  # times the usual
    disagree: float = 0.1  # of the dataset's range
    disagree_times: float = 3.0
    lag_ticks: float = 3.0
    copy: float = 0.01  # of the dataset's range

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
                raise BadThresholds(f"threshold {name!r} is {value!r:.40}: write a number above 0 and below 1,000,000")

    def changed(self, changes: Mapping[str, Any]) -> Thresholds:
        """These with some changed by name; raises BadThresholds for a name that is none."""
        names = [field.name for field in dataclasses.fields(self)]
        if unknown := sorted(set(changes) - set(names)):
            raise BadThresholds(f"unknown threshold {unknown[0]!r:.80}; known: {', '.join(names)}")
        return dataclasses.replace(self, **changes)


DEFAULT = Thresholds()
