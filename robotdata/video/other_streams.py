"""Sound and subtitles that go along when videos are joined or cut: copied, moved in time, never decoded."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from robotdata.video.errors import JoinError, SegmentMismatchError
from robotdata.video.index import SIDE_KINDS, PacketIndex, open_video_stream

_WORDS = ("language", "title")


def copied_stream(template: Any, output: Any) -> Any:
    """Add a stream to `output` with the parameters and the language of `template`. Raises JoinError."""
    try:
        made = output.add_stream_from_template(template, opaque=True)
    except ValueError as error:
        raise JoinError(f"{template.container.name}: {error}; re-encode or convert it") from error
    made.metadata.update({name: value for name, value in template.metadata.items() if name in _WORDS})
    return made


class OtherStreams:
    """The audio and subtitle streams of the first segment, and their copies in the output."""

    def __init__(self, container: Any, output: Any) -> None:
        self._path = Path(container.name)
        self._parameters = [_parameters(stream) for stream in _beside(container)]
        self._outputs: list[Any] = []
        self._last: list[int | None] = []
        for stream in _beside(container):
            made = copied_stream(stream, output)
            made.time_base = stream.time_base
            self._outputs.append(made)
            self._last.append(None)

    def packets(self, index: PacketIndex, window_s: tuple[float, float], start_s: Fraction) -> Iterator[av.Packet]:
        """Yield what begins inside `window_s` of the file of `index`, moved to begin at `start_s` of the output.

        In the order of the file. Raises SegmentMismatchError if the file's streams are of other kinds.
        """
        if not self._outputs and not index.beside:
            return
        with open_video_stream(index.path)[0] as container:
            streams = _beside(container)
            self._compare(index.path, [_parameters(stream) for stream in streams])
            place = {stream.index: number for number, stream in enumerate(streams)}
            for packet in container.demux(streams) if streams else ():
                if packet.size and packet.pts is not None and _inside(packet, packet.stream.type, window_s):
                    yield self._move(packet, place[packet.stream.index], window_s[0], start_s)

    def _move(self, packet: av.Packet, number: int, window_start_s: float, start_s: Fraction) -> av.Packet:
        first = round(start_s / packet.time_base)
        stamp = (packet.pts or 0) + round((start_s - Fraction(window_start_s)) / packet.time_base)
        if first - stamp > 1:  # it has begun before the window
            packet.duration = max(1, (packet.duration or 0) - (first - stamp))
            stamp = first
        last = self._last[number]
        # Two streams' clocks differ by less than a tick where segments meet; time must still go forward.
        packet.pts = packet.dts = stamp if last is None else max(stamp, last + 1)
        self._last[number] = packet.pts
        packet.stream = self._outputs[number]
        return packet

    def _compare(self, path: Path, found: list[dict[str, object]]) -> None:
        if found == self._parameters:
            return
        raise SegmentMismatchError(
            f"{path} has other sound or subtitles than {self._path}: "
            f"{_words(found)} instead of {_words(self._parameters)}; keep them in separate files",
            {"side streams": (_words(self._parameters), _words(found))},
        )


def _beside(container: Any) -> list[Any]:
    return [stream for stream in container.streams if stream.type in SIDE_KINDS and stream.codec_context is not None]


def _parameters(stream: Any) -> dict[str, object]:
    context = stream.codec_context
    facts: dict[str, object] = {"kind": stream.type, "codec": context.codec.canonical_name}
    if stream.type == "audio":
        facts |= {"sample rate": context.sample_rate, "layout": context.layout.name}
        facts |= {"time base": stream.time_base, "extradata": context.extradata}
    return facts


def _words(streams: list[dict[str, object]]) -> str:
    shown = [
        " ".join(str(value) for name, value in facts.items() if name not in ("extradata", "time base"))
        for facts in streams
    ]
    return ", ".join(shown) or "none"


def _inside(packet: av.Packet, kind: str, window_s: tuple[float, float]) -> bool:
    start = float((packet.pts or 0) * packet.time_base)
    end = start + float((packet.duration or 0) * packet.time_base)
    # A sentence that is on the screen where the window begins stays there; of sound nothing is taken twice.
    begins = window_s[0] - 1e-9 <= start or (kind == "subtitle" and end > window_s[0] + 1e-9)
    return begins and start < window_s[1]
