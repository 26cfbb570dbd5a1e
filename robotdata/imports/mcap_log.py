"""Read MCAP files: ROS 2 messages, protobuf and JSON. What follows the last whole chunk of a broken file is left out.

The records are read here with limits, because a chunk says itself how much it unpacks to; the messages are decoded by
the packages of the format.
"""

from __future__ import annotations

import heapq
import io
import json
import struct
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robotdata.imports.errors import BadSource
from robotdata.imports.extras import need
from robotdata.imports.log_recording import Logged, LogRecording, Topic
from robotdata.imports.stopping import check_stop
from robotdata.imports.streams import MOST_STREAMS

_MAGIC = b"\x89MCAP0\r\n"
_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _DATA_END = 3, 4, 5, 6, 15
_HEAD = struct.Struct("<BQ")
_MESSAGE_HEAD = struct.Struct("<HIQQ")
_CHUNK_HEAD = struct.Struct("<QQQII")
_MOST_RECORD = 1 << 29
_MOST_WAITING = 1 << 30
"""Chunks whose times overlap are in memory together; more than this is not a log of a robot."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A chunk, or a message outside of one: where its record begins and ends, and the first time in it, in ns."""

    begin: int
    end: int
    first_ns: int


@dataclass(slots=True)
class _Seen:
    """What is known of a channel: its messages' number, first and last time, and the first one's data."""

    count: int = 0
    first_ns: int = 0
    last_ns: int = 0
    sample: bytes = b""


class McapSource:
    """An open MCAP file; it is read through once, to list what is in it. Raises MissingPackage, BadSource."""

    format = "MCAP"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records = need("mcap.records", "MCAP files")
        self._data_stream = need("mcap.data_stream", "MCAP files").ReadDataStream
        self._file = path.open("rb")
        self._schemas: dict[int, Any] = {}
        self._channels: dict[int, Any] = {}
        self._seen: dict[int, _Seen] = {}
        self._pieces: list[_Piece] = []
        self._notes: list[str] = []
        self._decoders: dict[int, Callable[[bytes], Any]] = {}
        try:
            self._scan()
        except BaseException:
            self._file.close()
            raise

    def recordings(self) -> Sequence[LogRecording]:
        """Return the one recording. Raises BadSource if it has no message."""
        if not self._seen:
            raise BadSource(self.path, "has no message that can be read")
        by_topic: dict[str, Topic] = {}
        for number, seen in self._seen.items():
            topic = self._topic(number, seen)
            known = by_topic.get(topic.name)
            by_topic[topic.name] = topic if known is None else _joined(known, topic)
        return [LogRecording(self.path, list(by_topic.values()), self._read, self._notes)]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> McapSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _scan(self) -> None:
        """List channels and pieces. A file that ends or is damaged before its end counts up to there."""
        if self._file.read(len(_MAGIC)) != _MAGIC:
            raise BadSource(self.path, "is not an MCAP file: it begins with other bytes")
        at, whole = len(_MAGIC), False
        while (head := self._file.read(_HEAD.size)) and len(head) == _HEAD.size:
            check_stop()
            opcode, length = _HEAD.unpack(head)
            if opcode == _DATA_END:
                whole = True
                break
            end = at + _HEAD.size + length
            try:
                piece_ns = self._note_record(opcode, length)
            except (ValueError, struct.error, EOFError, UnicodeDecodeError) as error:
                self._notes.append(f"it is damaged at byte {at:,} ({error}): what follows is left out")
                return
            if piece_ns is not None:
                self._pieces.append(_Piece(at, end, piece_ns))
            self._file.seek(end)
            at = end
        if not whole:
            self._notes.append(f"it is cut off: what follows byte {at:,}, after its last whole chunk, is left out")

    def _note_record(self, opcode: int, length: int) -> int | None:
        """Take note of a record at the file's position; return its first time if messages are in it."""
        if opcode not in (_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK):
            self._must_have(length)
            return None
        data = self._exactly(length)
        if opcode == _CHUNK:
            times = []
            for inner, content in _inside(self._unpacked(data)):
                if (time_ns := self._note_inner(inner, content)) is not None:
                    times.append(time_ns)
            return min(times, default=None)
        return self._note_inner(opcode, data)

    def _note_inner(self, opcode: int, data: bytes) -> int | None:
        if opcode == _SCHEMA:
            schema = self._records.Schema.read(self._data_stream(io.BytesIO(data)))
            self._schemas.setdefault(schema.id, schema)
        elif opcode == _CHANNEL:
            channel = self._records.Channel.read(self._data_stream(io.BytesIO(data)))
            self._channels.setdefault(channel.id, channel)
            if len(self._channels) > MOST_STREAMS:
                raise BadSource(self.path, f"has more than {MOST_STREAMS:,} channels")
        elif opcode == _MESSAGE:
            number, _, time_ns, _ = _MESSAGE_HEAD.unpack_from(data)
            if number not in self._channels:
                raise ValueError(f"a message of channel {number}, which is not described before")
            seen = self._seen.setdefault(number, _Seen(0, time_ns, time_ns, data[_MESSAGE_HEAD.size :]))
            seen.count += 1
            if time_ns < seen.first_ns:
                seen.first_ns, seen.sample = time_ns, data[_MESSAGE_HEAD.size :]
            seen.last_ns = max(seen.last_ns, time_ns)
            return int(time_ns)
        return None

    def _exactly(self, length: int) -> bytes:
        if length > _MOST_RECORD:
            raise ValueError(f"a record of {length:,} bytes")
        data = self._file.read(length)
        if len(data) != length:
            raise EOFError("the file ends in it")
        return data

    def _must_have(self, length: int) -> None:
        here = self._file.tell()
        if here + length > self._file.seek(0, io.SEEK_END):
            raise EOFError("the file ends in it")
        self._file.seek(here)

    def _unpacked(self, data: bytes) -> bytes:
        """Return the records in a chunk. Raises ValueError if they are damaged, or longer than the chunk says."""
        _, _, size, crc, named = _CHUNK_HEAD.unpack_from(data)
        at = _CHUNK_HEAD.size + named
        compression = data[_CHUNK_HEAD.size : at].decode()
        packed = data[at + 8 : at + 8 + struct.unpack_from("<Q", data, at)[0]]
        if size > _MOST_RECORD:
            raise ValueError(f"a chunk of {size:,} bytes")
        records = _unpack(compression, packed, size)
        if len(records) != size or (crc and zlib.crc32(records) != crc):
            raise ValueError("a chunk whose checksum fails")
        return records

    def _topic(self, number: int, seen: _Seen) -> Topic:
        channel = self._channels[number]
        schema = self._schemas.get(channel.schema_id)
        name = schema.name if schema is not None else ""
        sample, problem = None, ""
        try:
            sample = self._decoder(number)(seen.sample)
        except Exception as error:  # noqa: BLE001 - of a foreign decoder, which may raise anything for foreign bytes
            problem = f"its messages cannot be decoded: {error}"[:300]
        return Topic(channel.topic, name, seen.count, seen.first_ns, seen.last_ns, sample, problem)

    def _decoder(self, number: int) -> Callable[[bytes], Any]:
        """Return the function that decodes the messages of a channel. Raises ValueError if there is none."""
        if number not in self._decoders:
            channel = self._channels[number]
            schema = self._schemas.get(channel.schema_id)
            self._decoders[number] = _make_decoder(channel.message_encoding, schema)
        return self._decoders[number]

    def _read(self, topics: Collection[str]) -> Iterator[Logged]:
        """Yield the messages of these topics in the order of their times."""
        wanted = {number for number, channel in self._channels.items() if channel.topic in set(topics)}
        waiting: list[tuple[int, int, int, bytes]] = []
        size = order = 0
        for piece in [*sorted(self._pieces, key=lambda each: each.first_ns), None]:
            while waiting and (piece is None or waiting[0][0] < piece.first_ns):
                time_ns, _, number, data = heapq.heappop(waiting)
                size -= len(data)
                yield self._channels[number].topic, time_ns, self._decoded(number, time_ns, data)
            for number, time_ns, data in self._messages(piece) if piece is not None else ():
                if number in wanted:
                    heapq.heappush(waiting, (time_ns, order, number, data))
                    order, size = order + 1, size + len(data)
            if size > _MOST_WAITING:
                raise BadSource(self.path, f"has more than {_MOST_WAITING >> 20} MiB of messages whose times overlap")

    def _messages(self, piece: _Piece) -> Iterator[tuple[int, int, bytes]]:
        check_stop()
        self._file.seek(piece.begin)
        try:
            opcode, length = _HEAD.unpack(self._exactly(_HEAD.size))
            data = self._exactly(length)
            records = _inside(self._unpacked(data)) if opcode == _CHUNK else iter([(opcode, data)])
            for inner, content in records:
                if inner == _MESSAGE:
                    number, _, time_ns, _ = _MESSAGE_HEAD.unpack_from(content)
                    yield number, time_ns, content[_MESSAGE_HEAD.size :]
        except (ValueError, struct.error, EOFError) as error:
            raise BadSource(self.path, f"has changed since it was opened: {error}") from error

    def _decoded(self, number: int, time_ns: int, data: bytes) -> Any:
        try:
            return self._decoder(number)(data)
        except Exception as error:
            topic = self._channels[number].topic
            raise BadSource(
                self.path, f"has a message in {topic} at {time_ns / 1e9:.3f} s that cannot be decoded: {error}"
            ) from error


def _joined(one: Topic, other: Topic) -> Topic:
    """Return one topic of two channels with its name."""
    first = one if one.first_ns <= other.first_ns else other
    last_ns = max(one.last_ns, other.last_ns)
    return Topic(one.name, first.schema, one.count + other.count, first.first_ns, last_ns, first.sample, first.problem)


def _inside(records: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(records):
        opcode, length = _HEAD.unpack_from(records, at)
        at += _HEAD.size
        if at + length > len(records):
            raise ValueError("a record that is longer than its chunk")
        yield opcode, records[at : at + length]
        at += length


def _unpack(compression: str, packed: bytes, size: int) -> bytes:
    """Return at most `size` + 1 bytes of what is packed. Raises ValueError if it is damaged."""
    if not compression:
        return packed
    try:
        if compression == "zstd":
            return _unzstd(packed, size)
        if compression == "lz4":
            return bytes(need("lz4.frame", "MCAP files").LZ4FrameDecompressor().decompress(packed, size + 1))
    except RuntimeError as error:
        raise ValueError(f"a chunk that cannot be unpacked: {error}") from error
    raise ValueError(f"a chunk packed with {compression!r:.40}, which is neither zstd nor lz4")


def _unzstd(packed: bytes, size: int) -> bytes:
    zstandard = need("zstandard", "MCAP files")
    try:
        with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(packed) as reader:
            return bytes(reader.read(size + 1))
    except zstandard.ZstdError as error:
        raise ValueError(f"a chunk that cannot be unpacked: {error}") from error


def _make_decoder(encoding: str, schema: Any) -> Callable[[bytes], Any]:
    decoder: Any = None
    if encoding == "json":
        return json.loads
    if encoding == "cdr":
        decoder = need("mcap_ros2.decoder", "ROS 2 messages").DecoderFactory().decoder_for(encoding, schema)
    elif encoding == "protobuf":
        decoder = need("mcap_protobuf.decoder", "protobuf messages").DecoderFactory().decoder_for(encoding, schema)
    if decoder is None:
        described = schema.encoding if schema is not None else "nothing"
        raise ValueError(f"they are {encoding!r:.40} described by {described!r:.40}; want cdr, protobuf or json")
    made: Callable[[bytes], Any] = decoder
    return made
