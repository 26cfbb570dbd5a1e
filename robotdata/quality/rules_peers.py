"""Marks that need the other takes of the dataset: unusual by robust statistics, and by enough to matter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from robotdata.quality.fingerprint import difference
from robotdata.quality.mark import Mark, mark
from robotdata.quality.metrics import CameraMetrics, SignalMetrics, TakeMetrics
from robotdata.quality.peers import Floats, Peers, usual
from robotdata.quality.thresholds import Thresholds
from robotdata.quality.words import at, camera_name, listed, share, span, times


def length(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    same = [each.duration_s for each in peers.takes if each.task == take.task]
    if len(same) < limits.peers:
        return
    # Lengths differ by factors, not by seconds.
    middle = float(np.median(same))
    ratio = take.duration_s / middle
    z = float(usual([float(np.log(value / middle)) for value in same]).z(np.log(ratio), least=0.05))
    if abs(z) > limits.z and not 1 / limits.length < ratio < limits.length:
        low, high = np.percentile(same, [25, 75])
        how = "longer" if ratio > 1 else "shorter"
        text = (
            f"This take is much {how} than the others of its task: {take.duration_s:.1f} s, "
            f"the others {middle:.1f} s (half of them {low:.1f} to {high:.1f} s)."
        )
        yield mark(take, "length", "warn", text)


def dead(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
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
            text = f"{feature}: no motion in {listed(names)}, unlike in the other takes."
            yield mark(take, "dead", "warn", text, feature=feature)


def little_motion(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    normal = peers.of(lambda each: _way(each, peers))
    mine = _way(take, peers)
    if normal is None or mine is None or not any(any(signal.moves) for signal in take.signals.values()):
        return
    if mine < limits.little_motion * float(normal.middle) and float(normal.z(mine)) < -3:
        text = f"Little motion: {share(mine / float(normal.middle))} of the usual path length."
        yield mark(take, "little_motion", "warn", text)


def jumps(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    for feature, signal, spans in _compared(take, peers):
        for code, name, part, tick in (
            *_sudden("spike", signal, feature, peers, spans, limits),
            *_sudden("jump", signal, feature, peers, spans, limits),
        ):
            what = "has a spike" if code == "spike" else "jumps"
            text = f"{feature} {name} {what} at {at(take, tick)}, by {share(part)} of its range in this dataset."
            yield mark(take, code, "warn", text, run=(max(0, tick - 1), tick + 3), feature=feature)


def jerk(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    for feature, signal, spans in _compared(take, peers):
        normal = peers.signal(feature, "jerk", signal.names)
        use = (spans > 0) & ~np.array(signal.discrete)
        if normal is None or not use.any():
            continue
        ratio = np.array(signal.jerk)[use] / np.maximum(normal.middle[use], 1e-4 * spans[use])
        # Half of the joints: one of them alone is a spike's business.
        middle = float(np.median(ratio))
        z = float(np.median(normal.z(np.array(signal.jerk))[use]))
        if middle > limits.jerk and z > limits.z:
            text = f"{feature} jerks {times(middle)} as much as in the other takes."
            yield mark(take, "jerk", "warn", text, feature=feature)


def disagreement(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    pair = take.pair
    others = [each.pair for each in peers.takes if each.pair and pair and each.pair.names == pair.names]
    spans = peers.spans_for(take).get(pair.action) if pair else None
    if pair is None or spans is None or len(others) < limits.peers:
        return
    signal = take.signals[pair.action]
    normal = usual([np.array(each.worst) for each in others])
    z = normal.z(np.array(pair.worst))
    for place, name in enumerate(pair.names):
        full = float(spans[signal.names.index(name)])
        gap, before = pair.worst[place], float(normal.middle[place])
        if full > 0 and gap > limits.disagree * full and gap > limits.disagree_times * before and z[place] > limits.z:
            run = (pair.worst_at[place], min(take.ticks, pair.worst_at[place] + round(take.fps) + pair.lag))
            text = (
                f"State and action of {name} are {share(gap / full)} of its range apart {span(take, run)}, "
                f"usually {share(before / full)} at most."
            )
            yield mark(take, "disagree", "warn", text, run=run, feature=pair.state)
    lags = usual([float(each.lag) for each in others])
    if pair.lag - float(lags.middle) > limits.lag_ticks and float(lags.z(pair.lag, least=0.5)) > limits.z:
        text = f"The robot follows {pair.lag / take.fps:.2f} s late, usually {float(lags.middle) / take.fps:.2f} s."
        yield mark(take, "lag", "warn", text, feature=pair.state)


def cameras(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    for key, camera in take.cameras.items():
        yield from _light(take, key, camera, peers, limits)
        sharp = peers.camera(key, lambda each: each.sharpness)
        if camera.sharpness is not None and sharp and sharp.count >= limits.peers:
            ratio = camera.sharpness / max(float(sharp.middle), 1e-9)
            if ratio < limits.blurred and float(sharp.z(camera.sharpness)) < -limits.z:
                text = f"{camera_name(key)} is blurred: {share(ratio)} of the usual detail."
                yield mark(take, "blurred", "warn", text, camera=key)
        pace = peers.camera(key, lambda each: each.rate_hz)
        if camera.rate_hz is not None and pace and pace.count >= limits.peers:
            usually = float(pace.middle)
            if camera.rate_hz < (1 - limits.slow_camera) * usually and float(pace.z(camera.rate_hz)) < -3:
                text = f"{camera_name(key)} sent {camera.rate_hz:.1f} frames per second, usually {usually:.1f}."
                yield mark(take, "slow_camera", "warn", text, camera=key)


def copies(take: TakeMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    """The later one of two is marked, so that rejecting all that carry the mark leaves one."""
    if not any(any(signal.moves) for signal in take.signals.values()):
        return
    me, spans = (take.recorded_at, take.id), peers.spans_for(take)
    for other in peers.takes:
        if other.id == take.id or (other.recorded_at, other.id) > me:
            continue
        found = difference(take, other, spans)
        if found is not None and found < limits.copy:
            how = f"motion differs by {share(found)} of the range" if found >= 5e-4 else "same motion"
            yield mark(take, "near_copy", "warn", f"Near-duplicate of {other.id[:8]} ({how}).")
            return


def _compared(take: TakeMetrics, peers: Peers) -> Iterator[tuple[str, SignalMetrics, Floats]]:
    for feature, spans in peers.spans_for(take).items():
        yield feature, take.signals[feature], spans


def _sudden(
    code: str, signal: SignalMetrics, feature: str, peers: Peers, spans: Floats, limits: Thresholds
) -> list[tuple[str, str, float, int]]:
    """Of each joint its largest spike or jump, where it is large in the dataset and no other take has the like."""
    measure, least = ("glitch", limits.glitch) if code == "spike" else ("largest_step", limits.jump)
    places = signal.glitch_at if code == "spike" else signal.largest_step_at
    normal = peers.signal(feature, measure, signal.names)
    if normal is None:
        return []
    sizes = np.array(getattr(signal, measure))
    glitch = np.array(signal.glitch)
    z = normal.z(sizes, least=0.01 * spans)
    unusual = (sizes > limits.sudden * normal.middle) & (z > limits.z) & (spans > 0) & (sizes > least * spans)
    if code == "jump":  # a spike's own edges are no jumps
        unusual &= (sizes > 1.5 * glitch) & ~np.array(signal.discrete)
    return [
        (code, signal.names[place], float(sizes[place] / spans[place]), places[place])
        for place in np.flatnonzero(unusual)
    ]


def _way(take: TakeMetrics, peers: Peers) -> float | None:
    """The mean way a tick, as a share of each joint's range in the dataset."""
    parts = [np.array(signal.mean_step)[spans > 0] / spans[spans > 0] for _, signal, spans in _compared(take, peers)]
    joined = np.concatenate(parts) if parts else np.empty(0)
    return float(joined.mean()) if joined.size else None


def _light(take: TakeMetrics, key: str, camera: CameraMetrics, peers: Peers, limits: Thresholds) -> Iterator[Mark]:
    normal = peers.camera(key, lambda each: each.light)
    if camera.light is None or normal is None or normal.count < limits.peers:
        return
    middle = float(normal.middle)
    if abs(camera.light - middle) > limits.light and abs(float(normal.z(camera.light, least=0.01))) > limits.z:
        how = "darker" if camera.light < middle else "lighter"
        text = (
            f"{camera_name(key)} is much {how} than in the other takes: {share(camera.light)}, usually {share(middle)}."
        )
        yield mark(take, "light", "warn", text, camera=key)


RULES = (length, dead, little_motion, jumps, jerk, disagreement, cameras, copies)
