"""Join and cut videos by copying packets: nothing is decoded, frames stay bit for bit what they were.

Times are integers: frame n of the result is at exactly n / fps, however many segments there are.
"""

from __future__ import annotations

import heapq
import operator
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from robotdata.files.disk_errors import is_disk_error
from robotdata.video.errors import JoinError, NotAKeyframeError, NothingToJoinError, SegmentMismatchError
from robotdata.video.index import PacketIndex, index_video, open_same, open_video_stream
from robotdata.video.other_streams import OtherStreams, copied_stream
from robotdata.video.output import output_file
from robotdata.video.rates import exact_rate, plain_rate

_RATE_SLACK = Fraction(1, 200)
_GRID_SLACK = 0.5
_NAMES = {"extradata": "codec parameters", "turned": "how players turn them"}
_TICKS_SLACK = Fraction(3, 2)


@dataclass(frozen=True, slots=True)
class Segment:
    """`frames` frames of `path` from `first_frame` on; None: up to its end."""

    path: Path | str
    first_frame: int = 0
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class JoinedVideo:
    """A finished file; `first_frames[i]` is where segment i begins in it."""

    path: Path
    frames: int
    first_frames: tuple[int, ...]
    fps: int | float
    duration_s: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Packets `first` to `end` (decoding order) of one file, which show as frames `first_frame` …"""

    index: PacketIndex
    first: int
    end: int
    first_frame: int


def join_videos(
    segments: Sequence[Path | str | Segment],
    out: Path | str,
    *,
    fps: int | float | Fraction,
    overwrite: bool = False,
) -> JoinedVideo:
    """Join `segments`, in this order, into the MP4 `out`, in one pass and without re-encoding. Sound and subtitles
    go along where the first segment has them.

    Raises SegmentMismatchError if codec, size, pixel format, codec parameters, rate, sound or subtitles differ,
    NotAKeyframeError if a segment's range cannot stand by itself, OutputExistsError, OSError if the disk is full
    or fails, and the errors of reading; nothing is written then.
    """
    rate = exact_rate(fps)
    single = isinstance(segments, str | Path | Segment)
    wanted = [] if single else [s if isinstance(s, Segment) else Segment(Path(s)) for s in segments]
    if not wanted:
        raise NothingToJoinError(f"{out}: no videos to join; give a list of them")
    runs = []
    known: dict[Path, PacketIndex] = {}
    for segment in wanted:
        path = Path(segment.path)
        if path not in known:
            known[path] = index_video(path)
        runs.append(_run(segment, known[path]))
    for run in runs:
        _same_parameters(runs[0].index, run.index, rate)
        _on_the_grid(run, rate)
    with output_file(Path(out), overwrite=overwrite) as part:
        try:
            _copy(runs, part, rate)
        except av.error.FFmpegError as error:
            if is_disk_error(error.errno):
                raise
            raise JoinError(f"{out}: FFmpeg cannot join these packets: {error}") from error
        size_bytes = part.stat().st_size
    lengths = [run.end - run.first for run in runs]
    total = sum(lengths)
    starts = tuple(int(start) for start in np.cumsum([0, *lengths[:-1]]))
    return JoinedVideo(Path(out), total, starts, plain_rate(rate), float(total / rate), size_bytes)


def cut_video(
    path: Path | str,
    first: int,
    end: int,
    out: Path | str,
    *,
    fps: int | float | Fraction,
    overwrite: bool = False,
) -> JoinedVideo:
    """Copy frames `first` (a keyframe) up to, not including, `end` of `path` into the MP4 `out`.

    Raises as `join_videos`.
    """
    try:
        piece = Segment(Path(path), first, end - first)
    except TypeError as error:
        raise JoinError(f"{path}, frames {first!r} to {end!r}: want frames' numbers, whole ones") from error
    return join_videos([piece], out, fps=fps, overwrite=overwrite)


def _run(segment: Segment, index: PacketIndex) -> _Run:
    try:
        first = operator.index(segment.first_frame)
        end = len(index) if segment.frames is None else first + operator.index(segment.frames)
    except TypeError as error:
        raise JoinError(f"{segment}: want frames' numbers, whole ones") from error
    if not 0 <= first < end <= len(index):
        raise JoinError(f"{segment.path} has frames 0 to {len(index) - 1}, not {first} to {end - 1}")
    packets = np.sort(index.order[first:end])
    start = int(packets[0])
    own = int(index.order[first])
    if not (index.keyframe[own] and index.access(own).restarts):
        what = "a recovery point, at which no file can begin" if index.keyframe[own] else "not a keyframe"
        raise NotAKeyframeError(f"{segment.path}: frame {first} is {what}; {_instead(index, first)}")
    if start != own or int(packets[-1]) != start + len(packets) - 1:
        raise NotAKeyframeError(f"{segment.path}: {_entangled(index, first, end)}")
    return _Run(index, start, start + len(packets), first)


def _instead(index: PacketIndex, first: int) -> str:
    """Where a range around frame `first` can begin, in words."""
    before = index.key_frames[index.key_frames < first]
    for frame in before[::-1]:
        if frame >= 0 and index.access(int(index.order[frame])).restarts:
            return f"begin at {frame}, or re-encode the frames"
    hidden = " that an edit list hides" if len(before) and before[-1] < 0 else " before it"
    return f"it needs frames{hidden}; re-encode the frames"


def _entangled(index: PacketIndex, first: int, end: int) -> str:
    """Why frames `first` to `end` cannot be cut out although they begin at a keyframe."""
    inside = np.sort(index.order[first:end])
    between = np.setdiff1d(np.arange(inside[0], inside[-1] + 1), inside)
    if (index.rank[between] < first).any():
        return f"frames shown before frame {first} are stored behind it; {_instead(index, first)}"
    return f"frame {end - 1} needs frames after it; end at a keyframe, or re-encode"


def _same_parameters(reference: PacketIndex, other: PacketIndex, rate: Fraction) -> None:
    pairs: dict[str, tuple[object, object]] = {
        name: (getattr(reference, name), getattr(other, name))
        for name in ("codec", "width", "height", "pix_fmt", "extradata", "turned")
    }
    different = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if other.rate and abs(other.rate - rate) > rate * _rate_slack(other, rate):
        different["fps"] = (plain_rate(rate), float(other.rate))
    if different:
        words = ", ".join(_NAMES.get(name) or f"{name} {pair[0]} and {pair[1]}" for name, pair in different.items())
        raise SegmentMismatchError(
            f"{other.path} cannot be joined after {reference.path}: {words} differ; "
            "keep them in separate files or re-encode one",
            different,
        )


def _rate_slack(index: PacketIndex, rate: Fraction) -> Fraction:
    """How far off a rate may be: a short file in coarse ticks (Matroska's are a millisecond) cannot tell its own."""
    return max(_RATE_SLACK, _TICKS_SLACK * index.time_base * rate / len(index))


def _on_the_grid(run: _Run, rate: Fraction) -> None:
    """Raises SegmentMismatchError if a frame is nearer to another frame's time than to its own."""
    index = run.index
    shown = index.pts[index.order[run.first_frame : run.first_frame + run.end - run.first]]
    frames = (shown - shown[0]) * float(index.time_base * rate)
    off = np.abs(frames - np.arange(len(frames)))
    worst = int(np.argmax(off))
    if off[worst] > _GRID_SLACK:
        raise SegmentMismatchError(
            f"{index.path}: frame {run.first_frame + worst} is {off[worst]:.2f} frames off a constant "
            f"{float(rate):g} frames per second; re-encode the file",
            {"frame times": (worst, float(frames[worst]))},
        )


def _copy(runs: Sequence[_Run], part: Path, rate: Fraction) -> None:
    time_base = 1 / rate
    delay = max(_delay(run) for run in runs)
    with ExitStack() as stack:
        container, template = open_video_stream(runs[0].index.path)
        stack.enter_context(container)
        output = stack.enter_context(av.open(str(part), "w", format="mp4", options={"movflags": "faststart"}))
        stream: Any = copied_stream(template, output)
        stream.time_base = time_base
        others = OtherStreams(container, output)
        written = 0
        for run in runs:
            video = _stamped(run, stream, time_base, written, delay)
            first = run.index.time_s(run.first_frame)
            window = (first, first + float((run.end - run.first) / rate))
            beside = others.packets(run.index, window, written / rate)
            for packet in heapq.merge(video, beside, key=_seconds):
                output.mux_one(packet)
            written += run.end - run.first


def _stamped(run: _Run, stream: Any, time_base: Fraction, written: int, delay: int) -> Iterator[av.Packet]:
    """The packets of a run with their new times: frame n of the result at n."""
    for position, packet in enumerate(_packets(run)):
        packet.pts = written + int(run.index.rank[run.first + position]) - run.first_frame
        packet.dts = written + position - delay
        packet.duration = 1
        packet.time_base = time_base
        packet.stream = stream
        yield packet


def _seconds(packet: av.Packet) -> Fraction:
    return (packet.dts or 0) * packet.time_base


def _delay(run: _Run) -> int:
    """By how many frames decoding runs ahead of showing; 0 without B-frames."""
    ranks = run.index.rank[run.first : run.end] - run.first_frame
    return int(np.max(np.arange(len(ranks)) - ranks))


def _packets(run: _Run) -> Iterator[av.Packet]:
    """The packets of a run, read by their places."""
    index = run.index
    with open_same(index.path, index.identity) as file:
        for at in range(run.first, run.end):
            place, size = int(index.position[at]), int(index.size[at])
            # Asked first: a lying table must not make us reserve what it claims.
            whole = place + size <= index.identity.size_bytes
            data = os.pread(file.fileno(), size, place) if whole else b""
            if len(data) != size:
                raise JoinError(f"{index.path} ends inside frame {int(index.rank[at])}; it is cut off")
            packet = av.Packet(data)
            packet.is_keyframe = bool(index.keyframe[at])
            yield packet
