"""Thresholds of the rules. All are shares, ratios, periods or seconds, so that they fit every robot."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from robotdata.quality.errors import BadThresholds


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which value on a rule sets a mark.

    Names ending in `_s` are seconds. `z` is in robust standard deviations (1.4826 times the median absolute deviation)
    from the median of the other takes. The comments give the unit of the others; shares are of 1. Raises BadThresholds
    for a value that is not a number above 0 and below 1,000,000.
    """

    peers: float = 5  # other takes needed before a take is compared with them
    dead_peers: float = 20  # other takes needed by `dead`: the joint must move in 95 % of them
    z: float = 6
    rate_warn: float = 0.02  # share by which the rate of the control loop is off
    rate_bad: float = 0.10
    gap_s: float = 0.2  # the control loop stalled for this long
    gap_bad_s: float = 1.0
    stale_s: float = 0.2  # no new frame for this long
    stale_warn_s: float = 0.5
    stale_bad_s: float = 2.0
    late_start_s: float = 0.5  # the first frame came this late
    frozen_s: float = 1.0
    dropped_note: float = 0.01  # share of the camera's frames
    dropped_warn: float = 0.03
    dropped_bad: float = 0.10
    late_s: float = 0.1  # age of a frame when the loop uses it; at least three camera periods
    step_s: float = 0.5  # a camera lagged behind the others for this long
    black_s: float = 0.4
    clipped: float = 0.01  # share of depth values outside the camera's depth scale
    limit_note: float = 0.35  # share of ticks in which a joint is clipped; robots also pause at their limits
    limit_warn: float = 0.6
    idle_s: float = 2.0
    slow_camera: float = 0.2  # share by which the camera's rate is below the usual
    light: float = 0.15  # difference to the usual brightness, 1 = white
    blurred: float = 0.5  # ratio to the usual sharpness
    length: float = 2.0  # ratio to the usual length, or its inverse
    little_motion: float = 0.25  # ratio to the usual path length
    glitch: float = 0.15  # share of the joint's range in the dataset, out and back within three ticks
    jump: float = 0.3  # share of the joint's range in the dataset, in one tick
    sudden: float = 4.0  # ratio of a spike or jump to the usual largest one
    jerk: float = 3.0  # ratio to the usual third difference
    disagree: float = 0.1  # share of the joint's range in the dataset
    disagree_times: float = 3.0  # ratio to the usual difference
    lag_ticks: float = 3.0  # later than usual
    copy: float = 0.01  # share of the joints' ranges in the dataset

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
                raise BadThresholds(f"threshold {name!r} is {value!r:.40}: write a number above 0 and below 1,000,000")

    def changed(self, changes: Mapping[str, Any]) -> Thresholds:
        """Return a copy with the thresholds of `changes` replaced. Raises BadThresholds for an unknown name or a bad
        value.
        """
        names = [field.name for field in dataclasses.fields(self)]
        if unknown := sorted(set(changes) - set(names)):
            raise BadThresholds(f"unknown threshold {unknown[0]!r:.80}; known: {', '.join(names)}")
        return dataclasses.replace(self, **changes)


DEFAULT = Thresholds()
