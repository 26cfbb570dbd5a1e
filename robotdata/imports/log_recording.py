"""A recording of topics, as MCAP files and ROS bags are: messages have times, and their fields are streams."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.imports.errors import BadSource
from robotdata.imports.logged import BadMessage, Field, fields_of
from robotdata.imports.rows import compressed_stream
from robotdata.imports.streams import Kind, Message, Stream, describe_array
from robotdata.video.depth.packets import depth_size
from robotdata.video.errors import DecodeError
from robotdata.video.packet_decoder import PacketDecoder

_MOST_BEFORE_KEYFRAME = 600

Logged = tuple[str, int, Any]
"""A message of a log: its topic, its time in ns, and the decoded message."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of a log: the name of its messages' type, how many there are, their first and last time in ns.

    `sample` is its first message, decoded. `problem` says why it cannot be read; empty if it can.
    """

    name: str
    schema: str
    count: int
    first_ns: int
    last_ns: int
    sample: Any = None
    problem: str = ""


class LogRecording:
    """The recording of a log. `read` yields the messages of topics in the order of their times."""

    def __init__(
        self,
        path: Path,
        topics: Sequence[Topic],
        read: Callable[[Collection[str]], Iterator[Logged]],
        notes: Sequence[str] = (),
    ) -> None:
        self.name, self.fps, self.timed, self.task = path.stem, 0.0, True, ""
        self.notes = list(notes)
        self.skipped: dict[str, int] = {}
        self._path, self._read = path, read
        self._topics = {topic.name: topic for topic in topics}
        self._where: dict[str, tuple[str, str]] = {}
        self._first: dict[str, Field] = {}
        self.streams = [stream for topic in topics for stream in self._streams_of(topic)]

    def messages(self, paths: Collection[str], fps: float) -> Iterator[Message]:
        """Yield the messages of these streams. `skipped` counts those without the field, or of other joints."""
        self.skipped.clear()
        wanted: dict[str, list[tuple[str, str]]] = {}
        for path in paths:
            topic, key = self._where[path]
            wanted.setdefault(topic, []).append((path, key))
        films = {path: _Film(self._first[path].dtype) for path in paths if self._first[path].kind is Kind.VIDEO}
        for topic, time_ns, decoded in self._read(list(wanted)):
            try:
                fields = fields_of(self._topics[topic].schema, decoded)
            except BadMessage as error:
                raise BadSource(self._path, f"has {error} in {topic} at {time_ns / 1e9:.3f} s") from error
            for path, key in wanted[topic]:
                yield from self._message(path, time_ns, fields.get(key), films.get(path))
        for path, film in films.items():
            for frame_ns, frame in film.flush():
                yield Message(path, frame_ns, frame)

    def _message(self, path: str, time_ns: int, found: Field | None, film: _Film | None) -> Iterator[Message]:
        first = self._first[path]
        if film is not None and found is not None:
            yield from (Message(path, frame_ns, frame) for frame_ns, frame in film.add(time_ns, found.value))
            return
        if found is None or found.kind is not first.kind:
            self._skip(path)
        elif found.names == first.names:
            yield Message(path, time_ns, found.value)
        elif sorted(found.names) == sorted(first.names):  # the same joints in another order
            places = [found.names.index(name) for name in first.names]
            yield Message(path, time_ns, np.asarray(found.value)[places])
        else:
            self._skip(path)

    def _skip(self, path: str) -> None:
        self.skipped[path] = self.skipped.get(path, 0) + 1

    def _streams_of(self, topic: Topic) -> Iterator[Stream]:
        problem, fields = topic.problem, dict[str, Field]()
        if not problem:
            try:
                fields = fields_of(topic.schema, topic.sample)
                problem = "" if fields else f"{topic.schema or 'its type'} has no picture, number or text"
            except BadMessage as error:
                problem = f"it has {error}"
        if problem:
            span = topic.first_ns, topic.last_ns
            yield Stream(topic.name, Kind.OTHER, (), topic.schema, topic.count, *span, problem=problem)
        for key, field in fields.items():
            path = f"{topic.name}.{key}" if key else topic.name
            self._where[path], self._first[path] = (topic.name, key), field
            names = field.names if len(field.names) == len(set(field.names)) else ()
            shown = self._describe(path, field, topic)
            first_ns = max(topic.first_ns, shown.first_ns)
            yield replace(shown, names=names, first_ns=first_ns, last_ns=topic.last_ns)

    def _describe(self, path: str, field: Field, topic: Topic) -> Stream:
        if field.kind is Kind.TEXT:
            return Stream(path, Kind.TEXT, (1,), "text", topic.count)
        if field.kind is Kind.VIDEO:
            return self._film(path, field, topic)
        if field.kind is Kind.COMPRESSED:
            other = "neither JPEG nor PNG" if field.value else "empty"
            stream = compressed_stream(path, field.value, topic.count)
            return stream or Stream(path, Kind.COMPRESSED, (), "", topic.count, problem=f"its first picture is {other}")
        if field.kind is Kind.DEPTH and isinstance(field.value, bytes):
            try:
                width, height = depth_size(field.value)
            except DecodeError as error:
                return Stream(path, Kind.DEPTH, (), "png", topic.count, problem=str(error))
            return Stream(path, Kind.DEPTH, (height, width, 1), "png", topic.count)
        stream = describe_array(path, field.value.shape, field.value.dtype, topic.count)
        return replace(stream, kind=field.kind)

    def _film(self, path: str, field: Field, topic: Topic) -> Stream:
        """Find the size of a video: that of the first frame that can be decoded, which is at a keyframe."""
        problem = f"no keyframe in its first {_MOST_BEFORE_KEYFRAME:,} messages"
        try:
            film = _Film(field.dtype)
            for number, (_, time_ns, decoded) in enumerate(self._read([topic.name])):
                frames = list(film.add(time_ns, fields_of(topic.schema, decoded)[""].value))
                if not frames and number + 1 == topic.count:
                    frames = list(film.flush())
                if frames:
                    first_ns, frame = frames[0]
                    return Stream(path, Kind.VIDEO, frame.shape, field.dtype, topic.count - number, first_ns)
                if number == _MOST_BEFORE_KEYFRAME:
                    break
        except (DecodeError, BadMessage) as error:
            problem = str(error)
        return Stream(path, Kind.VIDEO, (), field.dtype, topic.count, problem=problem)


class _Film:
    """Decodes a topic of compressed video; each frame gets the time of its own message."""

    def __init__(self, codec: str) -> None:
        self._decoder = PacketDecoder(codec)
        self._times: dict[int, int] = {}
        self._count = 0

    def add(self, time_ns: int, data: bytes) -> Iterator[tuple[int, Any]]:
        self._times[self._count] = time_ns
        self._count += 1
        for number, frame in self._decoder.decode(data):
            yield self._time_of(number), frame

    def flush(self) -> Iterator[tuple[int, Any]]:
        for number, frame in self._decoder.flush():
            yield self._time_of(number), frame

    def _time_of(self, number: int) -> int:
        time_ns = self._times.get(number, 0)
        for before in [each for each in self._times if each <= number]:
            del self._times[before]
        return time_ns
