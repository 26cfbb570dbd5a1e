"""Compare state and action: by how many ticks the state follows, and where the two differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from robotdata.quality.inputs import SignalInput
from robotdata.quality.metrics import PairMetrics, SignalMetrics
from robotdata.quality.motion import filled

STATE, ACTION = "observation.state", "action"
_MAX_LAG_S = 0.7
_MAX_TICKS = 5000
"""The lag is measured on this many ticks in the middle of the take."""
_COMMANDED = 0.1
"""A joint gets a command to move if its action covers this share of the range of the widest action."""

Floats = NDArray[np.float64]


def measure_pair(
    signals: Mapping[str, SignalInput], measured: Mapping[str, SignalMetrics], fps: float
) -> PairMetrics | None:
    """Compare the joints that state and action both name.

    Return None if they share no names, or if the take is shorter than two seconds.
    """
    if STATE not in signals or ACTION not in signals:
        return None
    state_columns = {name: column for column, name in enumerate(signals[STATE].names)}
    shared = [
        (state_columns[name], column) for column, name in enumerate(signals[ACTION].names) if name in state_columns
    ]
    if not shared or len(signals[ACTION].values) < 2 * fps:
        return None
    columns = np.array(shared)
    state = filled(signals[STATE].values)[:, columns[:, 0]]
    action = filled(signals[ACTION].values)[:, columns[:, 1]]
    lag = _lag(state, action, fps)
    gaps = np.abs(action[: len(action) - lag] - state[lag:])
    worst, worst_at = _worst_second(gaps, round(fps))
    names = [signals[ACTION].names[column] for _, column in shared]
    return PairMetrics(
        state=STATE,
        action=ACTION,
        names=names,
        lag=lag,
        gap=_rounded(gaps.mean(axis=0)),
        worst=_rounded(worst),
        worst_at=[int(at) for at in worst_at],
        stuck=_stuck(measured[STATE], measured[ACTION], shared),
    )


def _lag(state: Floats, action: Floats, fps: float) -> int:
    """Return the lag in ticks at which the mean |action[t] - state[t + lag]| is least.

    `state` and `action` are float64 (ticks, joints). Each joint is scaled to the range of its action.
    """
    begin = max(0, (len(state) - _MAX_TICKS) // 2)
    state, action = state[begin : begin + _MAX_TICKS], action[begin : begin + _MAX_TICKS]
    span = np.ptp(action, axis=0)
    moving = span > 0
    if not moving.any():
        return 0
    state, action = state[:, moving] / span[moving], action[:, moving] / span[moving]
    # Remove the mean: a joint that sags has a constant offset, which is not a lag.
    state, action = state - state.mean(axis=0), action - action.mean(axis=0)
    longest = min(round(_MAX_LAG_S * fps), len(state) // 2)
    errors = [float(np.abs(action[: len(action) - lag] - state[lag:]).mean()) for lag in range(longest + 1)]
    return int(np.argmin(errors))


def _worst_second(gaps: Floats, width: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return, for each joint, the largest gap that lasts `width` ticks, and the tick at which it begins.

    `gaps` is float64 (ticks, joints). A short jump of the action that the state follows does not count.
    """
    width, least, covered = max(1, min(width, len(gaps))), gaps, 1
    while covered < width:  # sliding minimum; the window doubles
        step = min(covered, width - covered)
        least, covered = np.minimum(least[:-step], least[step:]), covered + step
    begin = least.argmax(axis=0)
    return least[begin, np.arange(gaps.shape[1])], begin


def ignore_resting_joints(
    signals: Mapping[str, SignalInput], measured: dict[str, SignalMetrics]
) -> dict[str, SignalMetrics]:
    """Return `measured` with `limit_share` of a state set to 0 where its action does not change meanwhile.

    A gripper that gets the command to stay open rests at its stop; that is not clipping.
    """
    if STATE not in signals or ACTION not in signals:
        return measured
    state = measured[STATE]
    action_columns = {name: column for column, name in enumerate(signals[ACTION].names)}
    shares = list(state.limit_share)
    for column, (name, run) in enumerate(zip(state.names, state.limit_run, strict=True)):
        if run is not None and name in action_columns:
            action = filled(signals[ACTION].values[:, action_columns[name], None])[:, 0]
            # Percentiles instead of extremes, because the state follows with a lag.
            low, high = np.percentile(action[run[0] : run[1]], [10, 90])
            if not high - low >= _COMMANDED * np.ptp(action):
                shares[column] = 0.0
    return {**measured, STATE: dataclasses.replace(state, limit_share=shares)}


def _stuck(state: SignalMetrics, action: SignalMetrics, shared: list[tuple[int, int]]) -> list[str]:
    """Return the names of joints whose state is constant although their action covers enough range."""
    ranges = [most - least for least, most in zip(action.least, action.most, strict=True)]
    widest = max(ranges)
    return [
        action.names[column]
        for state_column, column in shared
        if state.constant[state_column] and action.moves[column] and ranges[column] >= _COMMANDED * widest > 0
    ]


def _rounded(values: Floats) -> list[float]:
    """Return the values with 7 significant digits, for a small file."""
    return [float(f"{value:.7g}") for value in values]
