"""State and action side by side: how late the one follows the other, and where they part."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from robotdata.quality.inputs import SignalInput
from robotdata.quality.metrics import PairMetrics, SignalMetrics
from robotdata.quality.motion import filled

STATE, ACTION = "observation.state", "action"
_LONGEST_LAG_S = 0.7
_MOST_TICKS = 5000
_TOLD = 0.1
"""A joint is told to move where its action covers this share of the widest one's range."""

Floats = NDArray[np.float64]


def measure_pair(
    signals: Mapping[str, SignalInput], measured: Mapping[str, SignalMetrics], fps: float
) -> PairMetrics | None:
    """None where state and action share no names, or nothing is long enough to compare."""
    if STATE not in signals or ACTION not in signals:
        return None
    there = {name: at for at, name in enumerate(signals[STATE].names)}
    both = [(there[name], at) for at, name in enumerate(signals[ACTION].names) if name in there]
    if not both or len(signals[ACTION].values) < 2 * fps:
        return None
    columns = np.array(both)
    state = filled(signals[STATE].values)[:, columns[:, 0]]
    action = filled(signals[ACTION].values)[:, columns[:, 1]]
    lag = _lag(state, action, fps)
    gaps = np.abs(action[: len(action) - lag] - state[lag:])
    worst, worst_at = _worst_second(gaps, round(fps))
    names = [signals[ACTION].names[at] for _, at in both]
    return PairMetrics(
        state=STATE,
        action=ACTION,
        names=names,
        lag=lag,
        gap=_listed(gaps.mean(axis=0)),
        worst=_listed(worst),
        worst_at=[int(at) for at in worst_at],
        stuck=_stuck(measured[STATE], measured[ACTION], both),
    )


def _lag(state: Floats, action: Floats, fps: float) -> int:
    """The ticks by which the state follows best."""
    begin = max(0, (len(state) - _MOST_TICKS) // 2)
    state, action = state[begin : begin + _MOST_TICKS], action[begin : begin + _MOST_TICKS]
    span = np.ptp(action, axis=0)
    use = span > 0
    if not use.any():
        return 0
    state, action = state[:, use] / span[use], action[:, use] / span[use]
    # Without its offset: a joint that sags hangs below its action all the time and is not late.
    state, action = state - state.mean(axis=0), action - action.mean(axis=0)
    longest = min(round(_LONGEST_LAG_S * fps), len(state) // 2)
    misses = [float(np.abs(action[: len(action) - lag] - state[lag:]).mean()) for lag in range(longest + 1)]
    return int(np.argmin(misses))


def _worst_second(gaps: Floats, width: int) -> tuple[Floats, NDArray[np.int64]]:
    """The largest gap that lasts a whole second, and where: a jump of the action that is followed at once is none."""
    width, least, covered = max(1, min(width, len(gaps))), gaps, 1
    while covered < width:  # minima over windows that grow by doubling
        step = min(covered, width - covered)
        least, covered = np.minimum(least[:-step], least[step:]), covered + step
    at = least.argmax(axis=0)
    return least[at, np.arange(gaps.shape[1])], at


def without_rest(signals: Mapping[str, SignalInput], measured: dict[str, SignalMetrics]) -> dict[str, SignalMetrics]:
    """`measured`, where a state at its limit counts as cut off only if its action continues meanwhile.

    A finger that is told to stay open rests at its stop.
    """
    if STATE not in signals or ACTION not in signals:
        return measured
    state, told = measured[STATE], {name: at for at, name in enumerate(signals[ACTION].names)}
    shares = list(state.limit_share)
    for at, (name, run) in enumerate(zip(state.names, state.limit_run, strict=True)):
        if run is not None and name in told:
            action = filled(signals[ACTION].values[:, told[name], None])[:, 0]
            low, high = np.percentile(action[run[0] : run[1]], [10, 90])  # the state follows late
            if not high - low >= _TOLD * np.ptp(action):
                shares[at] = 0.0
    return {**measured, STATE: dataclasses.replace(state, limit_share=shares)}


def _stuck(state: SignalMetrics, action: SignalMetrics, both: list[tuple[int, int]]) -> list[str]:
    told = [most - least for least, most in zip(action.least, action.most, strict=True)]
    widest = max(told)
    return [
        action.names[there]
        for here, there in both
        if state.constant[here] and action.moves[there] and told[there] >= _TOLD * widest > 0
    ]


def _listed(values: Floats) -> list[float]:
    return [float(f"{value:.7g}") for value in values]
