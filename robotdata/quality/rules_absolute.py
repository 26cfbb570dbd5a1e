"""Rules that need one take only: NaN values, missing frames, no motion and wrong timing.

A rule yields the marks of a take. `docs/quality.md` lists when each code is set.
"""

from __future__ import annotations

from collections.abc import Iterator

from robotdata.quality.inputs import is_motion
from robotdata.quality.mark import Mark, Severity, mark
from robotdata.quality.metrics import CameraMetrics, TakeMetrics
from robotdata.quality.phrasing import camera_name, join_names, percent, plural, time_of_tick, time_span
from robotdata.quality.runs import Run
from robotdata.quality.thresholds import Thresholds

_LISTED = 3
"""Runs of one kind that get a mark of their own."""


def broken_numbers(take: TakeMetrics, limits: Thresholds) -> Iterator[Mark]:
    """Mark signals with NaN or infinite values."""
    for feature, signal in take.signals.items():
        if signal.broken and signal.broken_at is not None:
            where = f"first {signal.broken_name} at {time_of_tick(take, signal.broken_at)}"
            text = f"{feature} is NaN in {plural(signal.broken, 'tick')}, {where}."
            run = (signal.broken_at, signal.broken_at + 1)
            yield mark(take, "nan", "bad", text, run=run, feature=feature)


def rate(take: TakeMetrics, limits: Thresholds) -> Iterator[Mark]:
    """Mark a control loop whose measured rate differs from fps."""
    if take.rate_hz is None:
        return
    error = abs(take.rate_hz / take.fps - 1)
    if error > limits.rate_warn:
        pace = "fast" if take.rate_hz < take.fps else "slowly"
        text = (
            f"The control loop ran at {take.rate_hz:.1f} Hz instead of {take.fps:g} Hz ({percent(error)} off): "
            f"it will play too {pace} in the dataset."
        )
        yield mark(take, "rate", "bad" if error > limits.rate_bad else "warn", text)


def gaps(take: TakeMetrics, limits: Thresholds) -> Iterator[Mark]:
    """Mark the longest stall of the control loop."""
    stalls = [(tick, seconds) for tick, seconds in take.gaps if seconds >= limits.gap_s]
    if not stalls:
        return
    tick, seconds = stalls[0]
    more = f", and {plural(len(stalls) - 1, 'more time')} for {limits.gap_s:g} s or longer" if len(stalls) > 1 else ""
    text = f"Control loop stalled for {seconds:.1f} s at {time_of_tick(take, tick)}{more}."
    yield mark(take, "gap", "bad" if seconds >= limits.gap_bad_s else "warn", text, run=(max(0, tick - 1), tick + 1))


def no_motion(take: TakeMetrics, limits: Thresholds) -> Iterator[Mark]:
    """Mark a take in which nothing moves, or in which only the action changes."""
    moves = {name: any(signal.moves) for name, signal in take.signals.items() if is_motion(name) and signal.names}
    if moves and not any(moves.values()):
        yield mark(take, "no_motion", "bad", "Nothing moves in this take: neither state nor action changes.")
    elif not moves.get("observation.state", True) and moves.get("action"):
        text = "The robot does not move, although it gets commands."
        yield mark(take, "stuck", "bad", text, feature="observation.state")


def stuck(take: TakeMetrics, limits: Thresholds) -> Iterator[Mark]:
    """Mark joints that do not follow their commands."""
    if take.pair and take.pair.stuck and any(take.signals[take.pair.state].moves):
        names = take.pair.stuck
        text = f"{join_names(names)} {'do' if len(names) > 1 else 'does'} not follow commands."
        yield mark(take, "stuck", "bad", text, feature=take.pair.state)


def saturated(take: TakeMetrics, limits: Thresholds) -> Iterator[Mark]:
    """Mark joints that are clipped at their limit."""
    for feature, signal in take.signals.items():
        if not is_motion(feature):
            continue
        for name, part, run in zip(signal.names, signal.limit_share, signal.limit_run, strict=True):
            # A gripper holds an object by resting at its limit.
            if part < limits.limit_note or run is None or "grip" in name.lower():
                continue
            text = (
                f"{feature} {name} is clipped at its limit {percent(part)} of the time, longest {time_span(take, run)}."
            )
            severity: Severity = "warn" if part >= limits.limit_warn else "note"
            yield mark(take, "saturated", severity, text, run=run, feature=feature)


def idle(take: TakeMetrics, limits: Thresholds) -> Iterator[Mark]:
    """Mark ends of the take without motion."""
    least = limits.idle_s * take.fps
    if take.still_head >= least:
        text = f"Nothing moves in the first {take.still_head / take.fps:.1f} s. Trim them."
        yield mark(take, "idle_start", "note", text, run=(0, take.still_head))
    if take.still_tail >= least:
        text = f"Nothing moves in the last {take.still_tail / take.fps:.1f} s. Trim them."
        yield mark(take, "idle_end", "note", text, run=(take.ticks - take.still_tail, take.ticks))


def cameras(take: TakeMetrics, limits: Thresholds) -> Iterator[Mark]:
    """Mark what is wrong with each camera."""
    for key, camera in take.cameras.items():
        if camera.problem:
            text = f"{camera_name(key)} has no readable frames: {camera.problem:.300}"
            yield mark(take, "missing", "bad", text, camera=key)
        elif camera.frames == 0:
            yield mark(take, "missing", "bad", f"{camera_name(key)} has no frames in this take.", camera=key)
        else:
            for rule in (_late_start, _stale, _frozen, _dropped, _late, _out_of_step, _dark, _damaged, _clipped):
                yield from rule(take, key, camera, limits)


def _late_start(take: TakeMetrics, key: str, camera: CameraMetrics, limits: Thresholds) -> Iterator[Mark]:
    if camera.first_picture is not None and camera.first_picture >= limits.late_start_s * take.fps:
        text = f"{camera_name(key)} has no frames before {time_of_tick(take, camera.first_picture)}."
        yield mark(take, "missing", "warn", text, run=(0, camera.first_picture), camera=key)


def _stale(take: TakeMetrics, key: str, camera: CameraMetrics, limits: Thresholds) -> Iterator[Mark]:
    runs = [run for run in camera.stale if run[1] - run[0] >= limits.stale_s * take.fps]
    for run, more in _longest_runs(runs):
        held_s = (run[1] - run[0]) / take.fps
        severity: Severity = "bad" if held_s >= limits.stale_bad_s else "note"
        severity = "warn" if severity == "note" and held_s >= limits.stale_warn_s else severity
        text = f"{camera_name(key)}: no new frames {time_span(take, run)} ({plural(run[1] - run[0], 'tick')}){more}."
        yield mark(take, "stale", severity, text, run=run, camera=key)


def _frozen(take: TakeMetrics, key: str, camera: CameraMetrics, limits: Thresholds) -> Iterator[Mark]:
    for run, more in _longest_runs([run for run in camera.frozen if run[1] - run[0] >= limits.frozen_s * take.fps]):
        length = plural(run[1] - run[0], "frame")
        text = (
            f"{camera_name(key)} repeats the same image {time_span(take, run)} ({length}), while the robot moves{more}."
        )
        yield mark(take, "frozen", "bad", text, run=run, camera=key)


def _dropped(take: TakeMetrics, key: str, camera: CameraMetrics, limits: Thresholds) -> Iterator[Mark]:
    total = camera.dropped + (camera.frames or 0)
    part = camera.dropped / max(1, total)
    if part < limits.dropped_note or camera.dropped < 3:
        return
    where = camera.largest_hole_at
    text = f"{camera_name(key)} lost {camera.dropped:,} of {plural(total, 'frame')} ({percent(part)})"
    text += f", {camera.largest_hole} of them at {time_of_tick(take, where)}." if where is not None else "."
    severity: Severity = "warn" if part >= limits.dropped_warn else "note"
    run = (where, where + 1) if where is not None else None
    yield mark(take, "dropped", "bad" if part >= limits.dropped_bad else severity, text, run=run, camera=key)


def _late(take: TakeMetrics, key: str, camera: CameraMetrics, limits: Thresholds) -> Iterator[Mark]:
    if camera.age_p50_ms is None:
        return
    age_s, period_s = camera.age_p50_ms / 1000, 1 / (camera.rate_hz or take.fps)
    if age_s > max(limits.late_s, 3 * period_s):
        text = f"{camera_name(key)}'s frames are {age_s:.2f} s old when the loop uses them."
        yield mark(take, "late", "warn", text, camera=key)


def _out_of_step(take: TakeMetrics, key: str, camera: CameraMetrics, limits: Thresholds) -> Iterator[Mark]:
    runs = [run for run in camera.out_of_step if run[1] - run[0] >= limits.step_s * take.fps]
    if runs:
        run = max(runs, key=lambda each: each[1] - each[0])
        text = f"{camera_name(key)} lags behind the other cameras {time_span(take, run)}."
        yield mark(take, "out_of_step", "warn", text, run=run, camera=key)


def _dark(take: TakeMetrics, key: str, camera: CameraMetrics, limits: Thresholds) -> Iterator[Mark]:
    black = "measures no depth" if camera.depth else "is black"
    for code, runs, what in (("black", camera.black, black), ("flat", camera.flat, "shows one flat colour")):
        least = min(limits.black_s * take.fps, take.ticks)
        for run, more in _longest_runs([run for run in runs if run[1] - run[0] >= least]):
            severity: Severity = "bad" if _is_half(run, take) else "warn"
            text = f"{camera_name(key)} {what} {time_span(take, run)}{more}."
            yield mark(take, code, severity, text, run=run, camera=key)


def _damaged(take: TakeMetrics, key: str, camera: CameraMetrics, limits: Thresholds) -> Iterator[Mark]:
    if camera.damaged and camera.damaged_at is not None:
        where = time_of_tick(take, camera.damaged_at)
        text = f"{camera_name(key)}: {plural(camera.damaged, 'frame')} cannot be decoded, first at {where}."
        run = (camera.damaged_at, camera.damaged_at + 1)
        yield mark(take, "damaged", "bad", text, run=run, camera=key)
    if camera.resized_at is not None:
        text = f"{camera_name(key)} changes its image size at {time_of_tick(take, camera.resized_at)}."
        yield mark(take, "resized", "bad", text, run=(camera.resized_at, take.ticks), camera=key)


def _clipped(take: TakeMetrics, key: str, camera: CameraMetrics, limits: Thresholds) -> Iterator[Mark]:
    if camera.clipped >= limits.clipped:
        text = (
            f"{camera_name(key)}: {percent(camera.clipped)} of its depth is outside depth_min to depth_max, "
            "and will be clipped in the episode."
        )
        yield mark(take, "clipped", "warn", text, camera=key)


def _longest_runs(runs: list[Run]) -> Iterator[tuple[Run, str]]:
    """Yield the longest three runs, the first with a text for how many more there are. More marks would help nobody."""
    ordered = sorted(runs, key=lambda run: (run[0] - run[1], run[0]))
    for place, run in enumerate(ordered[:_LISTED]):
        rest = len(ordered) - _LISTED
        yield run, f", and {plural(rest, 'more time')}" if place == 0 and rest > 0 else ""


def _is_half(run: Run, take: TakeMetrics) -> bool:
    """Return whether `run` covers half of the take."""
    return run[1] - run[0] >= 0.5 * take.ticks


RULES = (broken_numbers, rate, gaps, no_motion, stuck, saturated, idle, cameras)
