"""Join and cut videos by copying packets. Nothing is decoded, so frames are unchanged bit for bit.

Times are integers: frame n of the result is at exactly n / fps, for any number of segments.
"""

from __future__ import annotations

import heapq
import itertools
import operator
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from robotdata.files.disk_errors import is_disk_error
from robotdata.video.elementary import packet_data
from robotdata.video.errors import JoinError, NotAKeyframeError, NothingToJoinError, SegmentMismatchError
from robotdata.video.index import PacketIndex, index_video, open_video_stream
from robotdata.video.other_streams import OtherStreams, copied_stream
from robotdata.video.output import output_file
from robotdata.video.rates import exact_rate, plain_rate

_RATE_SLACK = Fraction(1, 200)
_GRID_SLACK = 0.5
_NAMES = {"extradata": "codec parameters", "display_matrix": "display matrix"}
_TICKS_SLACK = Fraction(3, 2)


@dataclass(frozen=True, slots=True)
class Segment:
    """`frames` frames of `path` from `first_frame` on; None means up to the end."""

    path: Path | str
    first_frame: int = 0
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class JoinedVideo:
    """A finished file. `first_frames[i]` is the frame at which segment i begins in it."""

    path: Path
    frames: int
    first_frames: tuple[int, ...]
    fps: int | float
    duration_s: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Packets [first, end) of a file in decoding order, which are shown from frame `first_frame` on."""

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
    """Join `segments` in this order into the MP4 `out`, in one pass and without re-encoding.

    Audio and subtitles are copied if the first segment has them. Raises SegmentMismatchError if codec, size, pixel
    format, codec parameters, rate, audio or subtitles differ, NotAKeyframeError if the range of a segment needs packets
    outside it, OutputExistsError, OSError if the disk is full or fails, and the errors of reading. Nothing is written
    if an exception is raised.
    """
    rate = exact_rate(fps)
    single = isinstance(segments, str | Path | Segment)
    requested = [] if single else [s if isinstance(s, Segment) else Segment(Path(s)) for s in segments]
    if not requested:
        raise NothingToJoinError(f"{out}: no videos to join; give a list of them")
    runs = []
    indexes: dict[Path, PacketIndex] = {}
    for segment in requested:
        path = Path(segment.path)
        if path not in indexes:
            indexes[path] = index_video(path)
        runs.append(_run(segment, indexes[path]))
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


def check_segment(segment: Segment, *, fps: int | float | Fraction) -> PacketIndex:
    """Return the index of a file whose segment `join_videos` can copy into a file of this rate.

    Raises SegmentMismatchError if its rate is another one, NotAKeyframeError if the range needs other packets,
    JoinError if it is longer than the file, and the errors of reading.
    """
    index, rate = index_video(Path(segment.path)), exact_rate(fps)
    run = _run(segment, index)
    _same_parameters(index, index, rate)
    _on_the_grid(run, rate)
    return index


def cut_video(
    path: Path | str,
    first: int,
    end: int,
    out: Path | str,
    *,
    fps: int | float | Fraction,
    overwrite: bool = False,
) -> JoinedVideo:
    """Copy frames [first, end) of `path` into the MP4 `out`. `first` must be a keyframe.

    Raises as `join_videos`.
    """
    try:
        piece = Segment(Path(path), first, end - first)
    except TypeError as error:
        raise JoinError(f"{path}, frames {first!r} to {end!r}: want frame numbers (integers)") from error
    return join_videos([piece], out, fps=fps, overwrite=overwrite)


def _run(segment: Segment, index: PacketIndex) -> _Run:
    """Return the packets of a segment. Raises JoinError and NotAKeyframeError."""
    try:
        first = operator.index(segment.first_frame)
        end = len(index) if segment.frames is None else first + operator.index(segment.frames)
    except TypeError as error:
        raise JoinError(f"{segment}: want frame numbers (integers)") from error
    if not 0 <= first < end <= len(index):
        raise JoinError(f"{segment.path} has frames 0 to {len(index) - 1}, not {first} to {end - 1}")
    packets = np.sort(index.order[first:end])
    start = int(packets[0])
    first_packet = int(index.order[first])
    if not (index.keyframe[first_packet] and index.access(first_packet).restarts):
        reason = "a recovery point, at which no file can begin" if index.keyframe[first_packet] else "not a keyframe"
        raise NotAKeyframeError(f"{segment.path}: frame {first} is {reason}; {_instead(index, first)}")
    if start != first_packet or int(packets[-1]) != start + len(packets) - 1:
        raise NotAKeyframeError(f"{segment.path}: {_entangled(index, first, end)}")
    return _Run(index, start, start + len(packets), first)


def _instead(index: PacketIndex, first: int) -> str:
    """Return advice where a range around frame `first` can begin."""
    earlier = index.key_frames[index.key_frames < first]
    for frame in earlier[::-1]:
        if frame >= 0 and index.access(int(index.order[frame])).restarts:
            return f"begin at {frame}, or re-encode the frames"
    hidden = " that an edit list hides" if len(earlier) and earlier[-1] < 0 else " before it"
    return f"it needs frames{hidden}; re-encode the frames"


def _entangled(index: PacketIndex, first: int, end: int) -> str:
    """Return why frames [first, end) cannot be cut out although they begin at a keyframe."""
    inside = np.sort(index.order[first:end])
    between = np.setdiff1d(np.arange(inside[0], inside[-1] + 1), inside)
    if (index.rank[between] < first).any():
        return f"frames shown before frame {first} are stored behind it; {_instead(index, first)}"
    return f"frame {end - 1} needs frames after it; end at a keyframe, or re-encode"


def _same_parameters(reference: PacketIndex, other: PacketIndex, rate: Fraction) -> None:
    """Raise SegmentMismatchError if the parameters or rates of two files differ."""
    pairs: dict[str, tuple[object, object]] = {
        name: (getattr(reference, name), getattr(other, name))
        for name in ("codec", "width", "height", "pix_fmt", "extradata", "display_matrix")
    }
    different = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if other.rate and abs(other.rate - rate) > rate * _rate_slack(other, rate):
        different["fps"] = (plain_rate(rate), float(other.rate))
    if different:
        names = ", ".join(_NAMES.get(name) or f"{name} {pair[0]} and {pair[1]}" for name, pair in different.items())
        raise SegmentMismatchError(
            f"{other.path} cannot be joined after {reference.path}: {names} differ; "
            "keep them in separate files or re-encode one",
            different,
        )


def _rate_slack(index: PacketIndex, rate: Fraction) -> Fraction:
    """Return the tolerated relative difference of rates. Short files with coarse ticks cannot state theirs exactly."""
    return max(_RATE_SLACK, _TICKS_SLACK * index.time_base * rate / len(index))


def _on_the_grid(run: _Run, rate: Fraction) -> None:
    """Raise SegmentMismatchError if a frame is more than half a frame away from a constant rate."""
    index = run.index
    pts = index.pts[index.order[run.first_frame : run.first_frame + run.end - run.first]]
    frames = (pts - pts[0]) * float(index.time_base * rate)
    off = np.abs(frames - np.arange(len(frames)))
    worst = int(np.argmax(off))
    if off[worst] > _GRID_SLACK:
        raise SegmentMismatchError(
            f"{index.path}: frame {run.first_frame + worst} is {off[worst]:.2f} frames off a constant "
            f"{float(rate):g} frames per second; re-encode the file",
            {"frame times": (worst, float(frames[worst]))},
        )


def _copy(runs: Sequence[_Run], part: Path, rate: Fraction) -> None:
    """Write the packets of all runs to `part`."""
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
            other_packets = others.packets(run.index, window, written / rate)
            for packet in heapq.merge(video, other_packets, key=_seconds):
                output.mux_one(packet)
            written += run.end - run.first


def _stamped(run: _Run, stream: Any, time_base: Fraction, written: int, delay: int) -> Iterator[av.Packet]:
    """Yield the packets of a run with their times in the result."""
    index = run.index
    ranks = (index.rank[run.first : run.end] - run.first_frame + written).tolist()
    keyframes = index.keyframe[run.first : run.end].tolist()
    packets = packet_data(index, run.first, run.end)
    for dts, (_, data), pts, is_keyframe in zip(itertools.count(written - delay), packets, ranks, keyframes):
        packet = av.Packet(data)
        packet.is_keyframe = is_keyframe
        packet.pts = pts
        packet.dts = dts
        packet.duration = 1
        packet.time_base = time_base
        packet.stream = stream
        yield packet


def _seconds(packet: av.Packet) -> Fraction:
    return (packet.dts or 0) * packet.time_base


def _delay(run: _Run) -> int:
    """Return by how many frames decoding precedes presentation; 0 without B-frames."""
    ranks = run.index.rank[run.first : run.end] - run.first_frame
    return int(np.max(np.arange(len(ranks)) - ranks))
