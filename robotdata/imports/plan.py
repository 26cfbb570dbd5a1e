"""What would come of a recording with a mapping: features, cameras, the rows and their times, and what is left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robotdata.dataset import scales
from robotdata.imports.errors import MisfitMapping
from robotdata.imports.mapping import UNITS, Mapping, Rule
from robotdata.imports.streams import MOST_VALUES, PICTURES, Kind, Recording, Stream, frame_ns
from robotdata.numbers import count as count_of
from robotdata.video.depth.scale import DepthScale

MOST_ROWS = 2_000_000
_LEAST_SIDE = 32  # pixels; encoders refuse smaller pictures
_SIDES = ["height", "width", "channels"]


@dataclass(slots=True)
class Plan:
    """A take to be. `features` are LeRobot's, `cameras` hold codec, width and height by feature.

    Row n has the time `first_ns` + n / `fps`. `left_out` is why, by stream; `notes` are remarks for people; with any
    `problems` nothing can be imported.
    """

    recording: Recording
    mapping: Mapping
    fps: float = 0.0
    first_ns: int = 0
    rows: int = 0
    features: dict[str, dict[str, Any]] = field(default_factory=dict)
    cameras: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        """Return the length of the take to be, in seconds."""
        return self.rows / self.fps if self.fps else 0.0

    @property
    def task(self) -> str:
        """Return the task for the take, unless a stream says it."""
        return self.mapping.task or self.recording.task

    def check(self) -> None:
        """Raise MisfitMapping, listing all problems, if there is any."""
        if self.problems:
            raise MisfitMapping(f"{self.recording.name} cannot be imported: {'; '.join(self.problems)}")


def make_plan(recording: Recording, mapping: Mapping) -> Plan:
    """Return the plan of a take. It raises nothing: what prevents the import is in its `problems`."""
    streams = {stream.path: stream for stream in recording.streams}
    plan = Plan(recording, mapping, fps=mapping.fps or recording.fps, notes=list(recording.notes))
    if not plan.fps:
        plan.problems.append("the file does not say how many rows a second it has: give the frames a second (fps)")
    for name, rule in mapping.features.items():
        found = [streams[path] for path in rule.streams if path in streams]
        missing = [path for path in rule.streams if path not in streams]
        plan.problems += [f"{name}: there is no stream {path} in it" for path in missing]
        plan.problems += [f"{name}: {stream.path}: {stream.problem}" for stream in found if stream.problem]
        if not missing and not any(stream.problem for stream in found):
            _add_feature(plan, name, rule, found)
    if not plan.task and not mapping.task_stream:
        plan.notes.append("no task is named: a take needs one before it is encoded")
    if not mapping.features:
        plan.problems.append("no stream is mapped to a feature: name the state, the action and the cameras")
    _leave_out(plan)
    mapped = [streams[path] for path in mapping.streams if path in streams and path != mapping.task_stream]
    if plan.fps and mapped:
        _find_rows(plan, mapped)
    return plan


def dtype_of(rule: Rule, streams: Sequence[Stream]) -> str:
    """Return the dtype of the feature that these streams of numbers make."""
    if rule.dtype:
        return rule.dtype
    joined = np.result_type(*(np.dtype(stream.dtype) for stream in streams))
    return "float32" if joined.kind == "f" or UNITS[rule.unit].factor != 1 else str(joined)


def _add_feature(plan: Plan, name: str, rule: Rule, streams: Sequence[Stream]) -> None:
    kinds = {stream.kind for stream in streams}
    if kinds & PICTURES:
        _add_camera(plan, name, streams)
    elif kinds == {Kind.NUMBERS}:
        _add_numbers(plan, name, rule, streams)
    elif kinds == {Kind.TEXT} and len(streams) == 1:
        plan.features[name] = {"dtype": "string", "shape": [1], "names": None}
    else:
        plan.problems.append(f"{name}: {' and '.join(sorted(kinds))} cannot be one feature")


def _add_camera(plan: Plan, name: str, streams: Sequence[Stream]) -> None:
    if len(streams) > 1:
        plan.problems.append(f"{name}: a camera has one stream, not {len(streams)}")
        return
    (stream,) = streams
    height, width = stream.shape[:2] if len(stream.shape) >= 2 else (0, 0)
    if min(height, width) < _LEAST_SIDE:
        plan.problems.append(
            f"{name}: {stream.path} has {width} x {height} pixels; encoders need {_LEAST_SIDE} on each side"
        )
        return
    is_depth = stream.kind is Kind.DEPTH
    feature: dict[str, Any] = {"dtype": "video", "shape": [height, width, 1 if is_depth else 3], "names": _SIDES}
    plan.features[name] = {**feature, "info": DepthScale().info("mm")} if is_depth else feature
    codec = "png" if is_depth or stream.dtype == "png" else "mjpeg"
    plan.cameras[name] = {"codec": codec, "width": width, "height": height}


def _add_numbers(plan: Plan, name: str, rule: Rule, streams: Sequence[Stream]) -> None:
    count = sum(math.prod(stream.shape) for stream in streams)
    names = list(rule.names) or [each for stream in streams for each in _value_names(stream)]
    if len(names) != count:
        plan.problems.append(f"{name}: {count_of(len(names), 'name')} for {count_of(count, 'value')}")
    elif len(set(names)) != len(names):
        names = [f"{stream.name}_{place}" for stream in streams for place in range(math.prod(stream.shape))]
    if count > MOST_VALUES:
        plan.problems.append(f"{name}: {count_of(count, 'value')} in a row are more than {MOST_VALUES:,}")
    dtype = dtype_of(rule, streams)
    if dtype == "float32" and any(stream.dtype == "float64" for stream in streams):
        plan.notes.append(f"{name} is stored as float32; with the dtype float64 in the mapping it keeps all digits")
    plan.features[name] = {"dtype": dtype, "shape": [count], "names": names}
    if unit := UNITS[rule.unit].after:
        plan.features[name][scales.UNITS] = [unit] * count


def _value_names(stream: Stream) -> list[str]:
    count = math.prod(stream.shape)
    if len(stream.names) == count:
        return list(stream.names)
    return [stream.name] if count == 1 else [f"{stream.name}_{place}" for place in range(count)]


def _leave_out(plan: Plan) -> None:
    mapped = set(plan.mapping.streams)
    for stream in plan.recording.streams:
        if stream.path not in mapped:
            plan.left_out[stream.path] = stream.problem or "no feature is named for it"


def _find_rows(plan: Plan, streams: Sequence[Stream]) -> None:
    """Set the rows: from the time when every stream has begun to the end of the one that ends first."""
    if not plan.recording.timed:
        plan.rows = min(stream.count for stream in streams)
        for stream in streams:
            if stream.count > plan.rows:
                plan.notes.append(
                    f"{stream.path} has {count_of(stream.count, 'row')}, another stream {plan.rows:,}: "
                    f"the last {stream.count - plan.rows:,} are left out"
                )
    else:
        _find_times(plan, streams)
    if plan.rows > MOST_ROWS:
        plan.problems.append(f"{plan.rows:,} rows are more than the {MOST_ROWS:,} of a take: choose a lower fps")
    elif not plan.rows:
        plan.problems.append("no row would come: there is no moment at which all mapped streams have a value")


def _find_times(plan: Plan, streams: Sequence[Stream]) -> None:
    latest = max(streams, key=lambda stream: stream.first_ns)
    steady = [stream for stream in streams if stream.count > 1] or list(streams)
    earliest = min(steady, key=_valid_until)
    plan.first_ns = latest.first_ns
    # The newest message counts until its stream's next one would be due, but rows end with the last message of all.
    span = min(_valid_until(earliest) - 1, max(stream.last_ns for stream in steady)) - plan.first_ns
    rows = int(span * plan.fps / 1e9) + 2 if span >= 0 else 0
    while rows and frame_ns(rows - 1, plan.fps) > span:
        rows -= 1
    plan.rows = rows
    before = (plan.first_ns - min(stream.first_ns for stream in steady)) / 1e9
    after = (max(stream.last_ns for stream in steady) - plan.first_ns - span) / 1e9
    if before > 2 / plan.fps:
        plan.notes.append(f"{before:.1f} s at the beginning are left out: {latest.path} begins only then")
    if after > 2 / plan.fps:
        plan.notes.append(f"{after:.1f} s at the end are left out: {earliest.path} has ended by then")
    for stream in steady:
        if stream.rate_hz and stream.rate_hz < plan.fps / 2:
            plan.notes.append(
                f"{stream.path} has {stream.rate_hz:.1f} messages a second: each fills about "
                f"{plan.fps / stream.rate_hz:.0f} rows"
            )


def _valid_until(stream: Stream) -> int:
    """Return the time when a message after the stream's last one would be due, in ns."""
    return stream.last_ns + (round(1e9 / stream.rate_hz) if stream.rate_hz else 1)
