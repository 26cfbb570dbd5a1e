"""Rules that compare a take with the others of its dataset.

A value is marked if it is unusual by robust statistics (`Thresholds.z`) and also differs by enough to matter.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from robotdata.quality.fingerprint import difference
from robotdata.quality.mark import Mark, mark, take_name
from robotdata.quality.metrics import CameraMetrics, SignalMetrics, TakeMetrics
from robotdata.quality.peers import Floats, Peers, robust_stats
from robotdata.quality.phrasing import camera_name, join_names, percent, ratio_text, time_of_tick, time_span
from robotdata.quality.thresholds import Thresholds


def length(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    """Mark a take that is much longer or shorter than the others of its task."""
    same = [each.duration_s for each in peers.takes if each.task == take.task]
    if len(same) < limits.peers:
        return
    # Lengths differ by factors, not by seconds.
    median = float(np.median(same))
    ratio = take.duration_s / median
    z = float(robust_stats([float(np.log(value / median)) for value in same]).z(np.log(ratio), least=0.05))
    if abs(z) > limits.z and not 1 / limits.length < ratio < limits.length:
        low, high = np.percentile(same, [25, 75])
        comparison = "longer" if ratio > 1 else "shorter"
        text = (
            f"This take is much {comparison} than the others of its task: {take.duration_s:.1f} s, "
            f"the others {median:.1f} s (half of them {low:.1f} to {high:.1f} s)."
        )
        yield mark(take, "length", "warn", text)


def dead(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    """Mark joints that do not move here and do move in nearly all other takes."""
    for feature, signal, _ in _compared(take, peers):
        moving = peers.share_moving(feature, signal.names)
        if moving is None or len(peers) < limits.dead_peers or not any(signal.moves):
            continue
        names = [
            name
            for name, usually, now in zip(signal.names, moving, signal.moves, strict=True)
            if usually >= 0.95 and not now
        ]
        if names:
            text = f"{feature}: no motion in {join_names(names)}, unlike in the other takes."
            yield mark(take, "dead", "warn", text, feature=feature)


def little_motion(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    """Mark a take whose joints move much less than usual."""
    normal = peers.of(lambda each: _mean_path(each, peers))
    path = _mean_path(take, peers)
    if normal is None or path is None or not any(any(signal.moves) for signal in take.signals.values()):
        return
    if path < limits.little_motion * float(normal.median) and float(normal.z(path)) < -3:
        text = f"Little motion: {percent(path / float(normal.median))} of the usual path length."
        yield mark(take, "little_motion", "warn", text)


def jumps(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    """Mark spikes and jumps that are large in this dataset."""
    for feature, signal, spans in _compared(take, peers):
        for code, name, part, tick in (
            *_sudden("spike", signal, feature, peers, spans, limits),
            *_sudden("jump", signal, feature, peers, spans, limits),
        ):
            event = "has a spike" if code == "spike" else "jumps"
            where = f"at {time_of_tick(take, tick)}, by {percent(part)} of its range in this dataset"
            text = f"{feature} {name} {event} {where}."
            yield mark(take, code, "warn", text, run=(max(0, tick - 1), tick + 3), feature=feature)


def jerk(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    """Mark a feature whose third differences are much larger than usual."""
    for feature, signal, spans in _compared(take, peers):
        normal = peers.signal(feature, "jerk", signal.names)
        compared = (spans > 0) & ~np.array(signal.discrete)
        if normal is None or not compared.any():
            continue
        ratio = np.array(signal.jerk)[compared] / np.maximum(normal.median[compared], 1e-4 * spans[compared])
        # The median over joints: `spike` reports a single joint.
        median = float(np.median(ratio))
        z = float(np.median(normal.z(np.array(signal.jerk))[compared]))
        if median > limits.jerk and z > limits.z:
            text = f"{feature} jerks {ratio_text(median)} as much as in the other takes."
            yield mark(take, "jerk", "warn", text, feature=feature)


def disagreement(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    """Mark joints whose state and action differ more than usual, and a robot that follows later than usual."""
    pair = take.pair
    others = [each.pair for each in peers.takes if each.pair and pair and each.pair.names == pair.names]
    spans = peers.spans_for(take).get(pair.action) if pair else None
    if pair is None or spans is None or len(others) < limits.peers:
        return
    signal = take.signals[pair.action]
    normal = robust_stats([np.array(each.worst) for each in others])
    z = normal.z(np.array(pair.worst))
    for place, name in enumerate(pair.names):
        span = float(spans[signal.names.index(name)])
        gap, usually = pair.worst[place], float(normal.median[place])
        unusual = gap > limits.disagree_times * usually and z[place] > limits.z
        if span > 0 and gap > limits.disagree * span and unusual:
            run = (pair.worst_at[place], min(take.ticks, pair.worst_at[place] + round(take.fps) + pair.lag))
            text = (
                f"State and action of {name} are {percent(gap / span)} of its range apart {time_span(take, run)}, "
                f"usually {percent(usually / span)} at most."
            )
            yield mark(take, "disagree", "warn", text, run=run, feature=pair.state)
    lags = robust_stats([float(each.lag) for each in others])
    if pair.lag - float(lags.median) > limits.lag_ticks and float(lags.z(pair.lag, least=0.5)) > limits.z:
        text = f"The robot follows {pair.lag / take.fps:.2f} s late, usually {float(lags.median) / take.fps:.2f} s."
        yield mark(take, "lag", "warn", text, feature=pair.state)


def cameras(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    """Mark cameras with unusual brightness, sharpness or rate."""
    for key, camera in take.cameras.items():
        yield from _light(take, key, camera, peers, limits)
        sharp = peers.camera(key, lambda each: each.sharpness)
        if camera.sharpness is not None and sharp and sharp.count >= limits.peers:
            ratio = camera.sharpness / max(float(sharp.median), 1e-9)
            if ratio < limits.blurred and float(sharp.z(camera.sharpness)) < -limits.z:
                text = f"{camera_name(key)} is blurred: {percent(ratio)} of the usual detail."
                yield mark(take, "blurred", "warn", text, camera=key)
        pace = peers.camera(key, lambda each: each.rate_hz)
        if camera.rate_hz is not None and pace and pace.count >= limits.peers:
            usually = float(pace.median)
            if camera.rate_hz < (1 - limits.slow_camera) * usually and float(pace.z(camera.rate_hz)) < -3:
                text = f"{camera_name(key)} sent {camera.rate_hz:.1f} frames per second, usually {usually:.1f}."
                yield mark(take, "slow_camera", "warn", text, camera=key)


def copies(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    """Mark the later of two near-duplicates, so that rejecting all marked takes leaves one."""
    if not any(any(signal.moves) for signal in take.signals.values()):
        return
    own_order, spans = (take.recorded_at, take.id), peers.spans_for(take)
    for other in peers.takes:
        if other.id == take.id or (other.recorded_at, other.id) > own_order:
            continue
        distance = difference(take, other, spans)
        if distance is not None and distance < limits.copy:
            likeness = f"motion differs by {percent(distance)} of the range" if distance >= 5e-4 else "same motion"
            text = f"Near-duplicate of {take_name(other.id)} ({likeness})."
            yield mark(take, "near_copy", "warn", text, other=other.id)
            return


def _compared(take: TakeMetrics, peers: Peers) -> Iterator[tuple[str, SignalMetrics, Floats]]:
    """Yield feature, measures and joint ranges of the features that can be compared."""
    for feature, spans in peers.spans_for(take).items():
        yield feature, take.signals[feature], spans


def _sudden(
    code: str, signal: SignalMetrics, feature: str, peers: Peers, spans: Floats, limits: Thresholds
) -> list[tuple[str, str, float, int]]:
    """Return (code, joint, share of its range, tick) of the largest spike or jump of each joint, if it is unusual."""
    measure, least = ("glitch", limits.glitch) if code == "spike" else ("largest_step", limits.jump)
    places = signal.glitch_at if code == "spike" else signal.largest_step_at
    normal = peers.signal(feature, measure, signal.names)
    if normal is None:
        return []
    sizes = np.array(getattr(signal, measure))
    glitch = np.array(signal.glitch)
    z = normal.z(sizes, least=0.01 * spans)
    unusual = (sizes > limits.sudden * normal.median) & (z > limits.z) & (spans > 0) & (sizes > least * spans)
    if code == "jump":  # the edges of a spike are not jumps
        unusual &= (sizes > 1.5 * glitch) & ~np.array(signal.discrete)
    return [
        (code, signal.names[place], float(sizes[place] / spans[place]), places[place])
        for place in np.flatnonzero(unusual)
    ]


def _mean_path(take: TakeMetrics, peers: Peers) -> float | None:
    """Return the mean |step| per tick over all joints, as a share of each joint's range in the dataset."""
    parts = [np.array(signal.mean_step)[spans > 0] / spans[spans > 0] for _, signal, spans in _compared(take, peers)]
    joined = np.concatenate(parts) if parts else np.empty(0)
    return float(joined.mean()) if joined.size else None


def _light(take: TakeMetrics, key: str, camera: CameraMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    """Mark a camera that is much darker or lighter than usual."""
    normal = peers.camera(key, lambda each: each.light)
    if camera.light is None or normal is None or normal.count < limits.peers:
        return
    median = float(normal.median)
    if abs(camera.light - median) > limits.light and abs(float(normal.z(camera.light, least=0.01))) > limits.z:
        comparison = "darker" if camera.light < median else "lighter"
        text = (
            f"{camera_name(key)} is much {comparison} than in the other takes: "
            f"{percent(camera.light)}, usually {percent(median)}."
        )
        yield mark(take, "light", "warn", text, camera=key)


RULES = (length, dead, little_motion, jumps, jerk, disagreement, cameras, copies)
