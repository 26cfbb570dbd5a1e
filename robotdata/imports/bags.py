"""Read ROS 1 bags, and ROS 2 bags in SQLite files (a folder with metadata.yaml). ROS 2 bags in MCAP are MCAP files."""

from __future__ import annotations

import bz2
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from robotdata.imports.errors import BadSource
from robotdata.imports.extras import need
from robotdata.imports.log_recording import Logged, LogRecording, Topic
from robotdata.imports.stopping import check_stop
from robotdata.imports.streams import MOST_STREAMS

MOST_UNPACKED = 1 << 28
"""The most bytes that one chunk, or one packed message, may have when it is unpacked."""
_MOST_METADATA = 4 << 20


def is_sqlite_bag(path: Path) -> bool:
    """Return whether a folder is a ROS 2 bag with SQLite files."""
    return any(path.glob("*.db3"))


class BagSource:
    """An open bag; it is read through once, to list what is in it. Raises MissingPackage, BadSource."""

    format = "ROS bag"

    def __init__(self, path: Path) -> None:
        self.path = path
        highlevel = need("rosbags.highlevel", "ROS bags")
        typesys = need("rosbags.typesys", "ROS bags")
        if path.is_dir() and not (path / "metadata.yaml").is_file():
            raise BadSource(path, "has no metadata.yaml: `ros2 bag reindex` makes it")
        self._packed = path.is_dir() and self._packing() == "message"
        store = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE if path.is_dir() else typesys.Stores.ROS1_NOETIC)
        try:
            self._reader = highlevel.AnyReader([path], default_typestore=store)
            self._reader.open()
            self._limit_packed()
        except Exception as error:
            hint = "" if path.is_dir() else " (`rosbag reindex` repairs a bag that was not closed)"
            raise BadSource(path, f"cannot be read as a bag: {error}{hint}") from error
        self._is_open = True
        if len(self._reader.connections) > MOST_STREAMS:
            self.close()
            raise BadSource(path, f"has more than {MOST_STREAMS:,} topics")

    def recordings(self) -> Sequence[LogRecording]:
        """Return the one recording. Raises BadSource if it has no message, or is damaged."""
        found: dict[str, dict[str, Any]] = {}
        for connection, time_ns, data in self._messages(list(self._reader.connections)):
            first = {"count": 0, "first_ns": time_ns, "data": data, "type": connection.msgtype}
            seen = found.setdefault(connection.topic, first)
            seen["count"] += 1
            seen["last_ns"] = time_ns
        if not found:
            raise BadSource(self.path, "has no message")
        topics = [self._topic(name, seen) for name, seen in found.items()]
        return [LogRecording(self.path, topics, self._read)]

    def close(self) -> None:
        """Close the bag."""
        if self._is_open:
            self._is_open = False
            self._reader.close()

    def __enter__(self) -> BagSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _packing(self) -> str:
        """Return how a ROS 2 bag is packed, such as "message". Raises BadSource for packed files.

        Those would be unpacked to the disk before anything is known of them.
        """
        yaml = need("ruamel.yaml", "ROS bags")
        try:
            with (self.path / "metadata.yaml").open(encoding="utf-8") as file:
                about = yaml.YAML(typ="safe").load(file.read(_MOST_METADATA))
            mode = str(about["rosbag2_bagfile_information"].get("compression_mode") or "").lower()
        except Exception as error:
            raise BadSource(self.path, f"has a metadata.yaml that cannot be read: {error}") from error
        if mode == "file":
            raise BadSource(self.path, "has packed files: unpack them with `ros2 bag convert` first")
        return mode

    def _limit_packed(self) -> None:
        """Have all that is packed unpacked with a limit: the package does it without one."""
        (reader,) = self._reader.readers
        if self.path.is_dir():
            if self._packed:
                reader.storage.metadata = reader.storage.metadata._replace(compression_mode=None)
            return
        known = {unpack: name for name, unpack in need("rosbags.rosbag1.reader", "ROS bags").decompressors.items()}
        for at, chunk in reader.chunks.items():
            if chunk.datasize > MOST_UNPACKED:
                raise ValueError(f"it has a chunk of {chunk.datasize:,} bytes")
            reader.chunks[at] = chunk._replace(
                decompressor=partial(unpacked, known[chunk.decompressor], most=MOST_UNPACKED)
            )

    def _topic(self, name: str, seen: dict[str, Any]) -> Topic:
        sample, problem = None, ""
        try:
            sample = self._reader.deserialize(seen["data"], seen["type"])
        except Exception as error:  # noqa: BLE001 - of a foreign decoder, which may raise anything for foreign bytes
            problem = f"its messages cannot be decoded: {error}"[:300]
        return Topic(name, seen["type"], seen["count"], seen["first_ns"], seen["last_ns"], sample, problem)

    def _read(self, topics: Collection[str]) -> Iterator[Logged]:
        wanted = [each for each in self._reader.connections if each.topic in set(topics)]
        for connection, time_ns, data in self._messages(wanted):
            try:
                decoded = self._reader.deserialize(data, connection.msgtype)
            except Exception as error:
                where = f"{connection.topic} at {time_ns / 1e9:.3f} s"
                raise BadSource(self.path, f"has a message in {where} that cannot be decoded: {error}") from error
            yield connection.topic, time_ns, decoded

    def _messages(self, connections: list[Any]) -> Iterator[tuple[Any, int, bytes]]:
        """Yield connection, time in ns and data of each message, in the order of the times."""
        if not connections:
            return
        try:
            for connection, time_ns, data in self._reader.messages(connections):
                check_stop()
                yield connection, time_ns, unpacked("zstd", data, MOST_UNPACKED) if self._packed else data
        except GeneratorExit:
            raise
        except Exception as error:
            raise BadSource(self.path, f"is damaged: {error}") from error


def unpacked(packing: str, data: bytes, most: int) -> bytes:
    """Return what is packed with bz2, lz4, zstd or none. Raises ValueError as soon as it is more than `most` bytes."""
    if packing == "bz2":
        found = bz2.BZ2Decompressor().decompress(data, most + 1)
    elif packing == "lz4":
        found = bytes(need("lz4.frame", "ROS bags").LZ4FrameDecompressor().decompress(data, most + 1))
    elif packing == "zstd":
        with need("zstandard", "ROS bags").ZstdDecompressor(max_window_size=1 << 27).stream_reader(data) as reader:
            parts, size = [], 0
            while size <= most and (part := reader.read(min(1 << 20, most + 1 - size))):
                parts.append(part)
                size += len(part)
            found = b"".join(parts)
    else:
        found = data
    if len(found) > most:
        raise ValueError(f"a chunk or message of more than {most:,} bytes")
    return found
