"""Write MCAP files that Foxglove and Lichtblick open: pictures in Foxglove's own messages, values as JSON.

Memory is bounded by one chunk, a MiB and a message, and by the index of the chunks.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from robotdata.export.log_file import load

_LABELS = {"bytes": 12, "string": 9, "fixed32": 7, "time": 11}
_FIELDS = {
    "CompressedImage": {
        "timestamp": (1, "time"),
        "data": (2, "bytes"),
        "format": (3, "string"),
        "frame_id": (4, "string"),
    },
    "CompressedVideo": {
        "timestamp": (1, "time"),
        "frame_id": (2, "string"),
        "data": (3, "bytes"),
        "format": (4, "string"),
    },
    "RawImage": {
        "timestamp": (1, "time"),
        "frame_id": (7, "string"),
        "width": (2, "fixed32"),
        "height": (3, "fixed32"),
        "encoding": (4, "string"),
        "step": (5, "fixed32"),
        "data": (6, "bytes"),
    },
}
"""Foxglove's messages: number and type of each field."""
_VALUES = {
    "name": {"type": "array", "items": {"type": "string"}},
    "data": {"type": "array", "items": {"type": ["number", "null"]}},
}
_SECOND = 1_000_000_000
_TIME = "google.protobuf.Timestamp"


def need(module: str) -> Any:
    """Return the module. Raises MissingWriter, with the command that repairs it, if it is not installed."""
    return load(module, "MCAP", "imports")


class McapFile:
    """An MCAP file that is being written; see LogFile. Raises MissingWriter, and OSError if the disk is full."""

    def __init__(self, file: BinaryIO) -> None:
        messages()
        self._writer = need("mcap.writer").Writer(file)
        self._writer.start(profile="", library="robotdata")
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._counts: dict[str, int] = {}

    def begin(self, times: NDArray[np.int64]) -> None:
        """Do nothing with the times of the rows: MCAP has no place for the numbers of rows."""

    def image(self, topic: str, time_ns: int, data: bytes, kind: str) -> None:
        """Add an encoded picture as it is; `kind` is jpeg or png."""
        self._picture("CompressedImage", topic, time_ns, data=data, format=kind)

    def video(self, topic: str, time_ns: int, data: bytes, kind: str) -> None:
        """Add the packet of one frame; `kind` is h264, h265, av1 or vp9."""
        self._picture("CompressedVideo", topic, time_ns, data=data, format=kind)

    def depth(self, topic: str, time_ns: int, depth: NDArray[np.uint16]) -> None:
        """Add a depth map in mm, uint16 (H, W)."""
        height, width = depth.shape
        data = np.ascontiguousarray(depth, "<u2").tobytes()
        about = {"width": width, "height": height, "step": 2 * width, "encoding": "16UC1"}
        self._picture("RawImage", topic, time_ns, data=data, **about)

    def values(self, topic: str, time_ns: int, names: Sequence[str], values: NDArray[Any]) -> None:
        """Add the values (n,) of one row with their names. What JSON has no number for becomes null."""
        numbers = [each if math.isfinite(each) else None for each in np.atleast_1d(values).tolist()]
        self._json(topic, time_ns, "robotdata.Values", _VALUES, {"name": list(names), "data": numbers})

    def text(self, topic: str, time_ns: int, text: str) -> None:
        """Add a text."""
        self._json(topic, time_ns, "robotdata.Text", {"text": {"type": "string"}}, {"text": text})

    def finish(self, facts: Mapping[str, str]) -> None:
        """Write `facts` as the metadata `robotdata`, and the index."""
        self._writer.add_metadata("robotdata", dict(facts))
        self._writer.finish()

    def _picture(self, kind: str, topic: str, time_ns: int, **fields: Any) -> None:
        schema = f"foxglove.{kind}"
        if topic not in self._channels:
            self._register(topic, schema, "protobuf", lambda: _described(kind), "protobuf")
        message = messages()[kind](frame_id=topic, **fields)
        message.timestamp.seconds, message.timestamp.nanos = divmod(time_ns, _SECOND)
        self._add(topic, time_ns, message.SerializeToString())

    def _json(self, topic: str, time_ns: int, schema: str, properties: dict[str, Any], message: dict[str, Any]) -> None:
        if topic not in self._channels:
            described = json.dumps({"type": "object", "properties": properties}).encode()
            self._register(topic, schema, "jsonschema", lambda: described, "json")
        self._add(topic, time_ns, json.dumps(message, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace"))

    def _register(self, topic: str, schema: str, encoding: str, describe: Any, message_encoding: str) -> None:
        if schema not in self._schemas:
            self._schemas[schema] = self._writer.register_schema(name=schema, encoding=encoding, data=describe())
        self._channels[topic] = self._writer.register_channel(
            topic=topic, message_encoding=message_encoding, schema_id=self._schemas[schema]
        )

    def _add(self, topic: str, time_ns: int, data: bytes) -> None:
        count = self._counts[topic] = self._counts.get(topic, -1) + 1
        self._writer.add_message(self._channels[topic], time_ns, data, time_ns, count)


@functools.cache
def messages() -> dict[str, Any]:
    """Return the class of each of Foxglove's messages. Raises MissingWriter."""
    pool = need("google.protobuf.descriptor_pool").DescriptorPool()
    for file in _files():
        pool.AddSerializedFile(file.SerializeToString())
    make = need("google.protobuf.message_factory").GetMessageClass
    return {kind: make(pool.FindMessageTypeByName(f"foxglove.{kind}")) for kind in _FIELDS}


def _described(kind: str) -> bytes:
    """Return the description of one message, and of what it uses, as the schema of a channel."""
    set_of = need("google.protobuf.descriptor_pb2").FileDescriptorSet
    time, *files = _files()
    mine = [file for file in files if file.message_type[0].name == kind]
    return bytes(set_of(file=[time, *mine]).SerializeToString())


def _files() -> list[Any]:
    described = need("google.protobuf.descriptor_pb2")
    time = described.FileDescriptorProto()
    need("google.protobuf.timestamp_pb2").DESCRIPTOR.CopyToProto(time)
    files = [time]
    for kind, fields in _FIELDS.items():
        file = described.FileDescriptorProto(
            name=f"foxglove/{kind}.proto", package="foxglove", syntax="proto3", dependency=[time.name]
        )
        message = file.message_type.add(name=kind)
        for name, (number, of) in sorted(fields.items(), key=lambda item: item[1][0]):
            field = message.field.add(name=name, number=number, type=_LABELS[of], label=1)
            if of == "time":
                field.type_name = f".{_TIME}"
        files.append(file)
    return files
