"""Copy audio and subtitle streams when videos are joined or cut: packets are shifted in time, never decoded."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from robotdata.video.errors import JoinError, SegmentMismatchError
from robotdata.video.index import SIDE_KINDS, PacketIndex, open_video_stream

_COPIED_TAGS = ("language", "title")


def copied_stream(template: Any, output: Any) -> Any:
    """Add a stream to `output` with the parameters, language and title of `template`. Raises JoinError."""
    try:
        stream = output.add_stream_from_template(template, opaque=True)
    except ValueError as error:
        raise JoinError(f"{template.container.name}: {error}; re-encode or convert it") from error
    stream.metadata.update({name: value for name, value in template.metadata.items() if name in _COPIED_TAGS})
    return stream


class OtherStreams:
    """The audio and subtitle streams of the first segment, and their copies in the output."""

    def __init__(self, container: Any, output: Any) -> None:
        self._path = Path(container.name)
        self._parameters = [_parameters(stream) for stream in _other_streams(container)]
        self._outputs: list[Any] = []
        self._last: list[int | None] = []
        for stream in _other_streams(container):
            copy = copied_stream(stream, output)
            copy.time_base = stream.time_base
            self._outputs.append(copy)
            self._last.append(None)

    def packets(self, index: PacketIndex, window_s: tuple[float, float], start_s: Fraction) -> Iterator[av.Packet]:
        """Yield the packets that begin inside `window_s` (seconds), moved to begin at `start_s` of the output.

        They are in the order of the file of `index`. Raises SegmentMismatchError if its streams are of other kinds.
        """
        if not self._outputs and not index.other_streams:
            return
        with open_video_stream(index.path)[0] as container:
            streams = _other_streams(container)
            self._compare(index.path, [_parameters(stream) for stream in streams])
            numbers = {stream.index: number for number, stream in enumerate(streams)}
            for packet in container.demux(streams) if streams else ():
                if packet.size and packet.pts is not None and _inside(packet, packet.stream.type, window_s):
                    yield self._move(packet, numbers[packet.stream.index], window_s[0], start_s)

    def _move(self, packet: av.Packet, number: int, window_start_s: float, start_s: Fraction) -> av.Packet:
        """Shift the times of a packet to the output, and never before the last packet of its stream."""
        first = round(start_s / packet.time_base)
        stamp = (packet.pts or 0) + round((start_s - Fraction(window_start_s)) / packet.time_base)
        if first - stamp > 1:  # it began before the window
            packet.duration = max(1, (packet.duration or 0) - (first - stamp))
            stamp = first
        last = self._last[number]
        # At the border of segments, times may round to the same tick; they must still increase.
        packet.pts = packet.dts = stamp if last is None else max(stamp, last + 1)
        self._last[number] = packet.pts
        packet.stream = self._outputs[number]
        return packet

    def _compare(self, path: Path, found: list[dict[str, object]]) -> None:
        """Raise SegmentMismatchError if `found` differs from the parameters of the first segment."""
        if found == self._parameters:
            return
        raise SegmentMismatchError(
            f"{path} has other sound or subtitles than {self._path}: "
            f"{_describe(found)} instead of {_describe(self._parameters)}; keep them in separate files",
            {"side streams": (_describe(self._parameters), _describe(found))},
        )


def _other_streams(container: Any) -> list[Any]:
    """Return the audio and subtitle streams that FFmpeg can copy."""
    return [stream for stream in container.streams if stream.type in SIDE_KINDS and stream.codec_context is not None]


def _parameters(stream: Any) -> dict[str, object]:
    """Return the parameters of a stream that must be equal in all segments."""
    context = stream.codec_context
    facts: dict[str, object] = {"kind": stream.type, "codec": context.codec.canonical_name}
    if stream.type == "audio":
        facts |= {"sample rate": context.sample_rate, "layout": context.layout.name}
        facts |= {"time base": stream.time_base, "extradata": context.extradata}
    return facts


def _describe(streams: list[dict[str, object]]) -> str:
    """Return the streams as text for an error message."""
    texts = [
        " ".join(str(value) for name, value in facts.items() if name not in ("extradata", "time base"))
        for facts in streams
    ]
    return ", ".join(texts) or "none"


def _inside(packet: av.Packet, kind: str, window_s: tuple[float, float]) -> bool:
    """Return whether a packet belongs to the window."""
    start = float((packet.pts or 0) * packet.time_base)
    end = start + float((packet.duration or 0) * packet.time_base)
    # A subtitle that is visible when the window begins is kept; audio must not be copied twice.
    begins = window_s[0] - 1e-9 <= start or (kind == "subtitle" and end > window_s[0] + 1e-9)
    return begins and start < window_s[1]
