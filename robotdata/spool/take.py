"""Reads a take: rows as columns, frames as packets, each checked against what was written."""

from __future__ import annotations

import os
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.capture.texts import unpack_texts
from robotdata.files import open_beneath
from robotdata.spool import rows as row_files
from robotdata.spool.errors import NoTake, OtherRows, SpoolError, TornPacket, TornRows, UnusableTake
from robotdata.spool.index import read_index
from robotdata.spool.manifest import ROWS, read_manifest
from robotdata.video.packets import MOST_BYTES


class CameraTrack:
    """The frames of one camera in the order of their capture. Reads are safe from several threads.

    `seq` int64 (count,) sequence numbers, gaps where frames were dropped; `captured_ns` int64 (count,),
    monotonic nanoseconds of the rig's clock.
    """

    def __init__(self, folder: Path, key: str, about: dict[str, Any]) -> None:
        self.key = key
        self.codec = str(about.get("codec", "mjpeg"))
        self.width = int(about.get("width", 0))
        self.height = int(about.get("height", 0))
        self._path = folder / f"{key}.mkv"
        records, whole = read_index(folder / f"{key}.idx")
        records = records[whole]
        try:
            self._fd = open_beneath(folder, self._path.name)
        except FileNotFoundError:
            raise SpoolError(f"take {folder.name} has no {self._path.name}") from None
        # A packet is written before its record, so what lies beyond the file's end was cut off later.
        # Subtracted, for the sum of two numbers that a file claims may run over.
        end = np.uint64(os.fstat(self._fd).st_size)
        inside = records["offset"] <= end
        records = records[inside & (records["size"] <= end - np.minimum(records["offset"], end))]
        self._records = records[np.argsort(records["seq"], kind="stable")]
        self.seq: NDArray[np.int64] = self._records["seq"].astype(np.int64)
        self.captured_ns: NDArray[np.int64] = self._records["captured_ns"].astype(np.int64)

    @property
    def count(self) -> int:
        return len(self._records)

    def packet(self, index: int) -> bytes:
        """Return the packet of frame `index`; IndexError outside [0, count), TornPacket if its checksum fails."""
        if not 0 <= index < self.count:
            raise IndexError(f"{self._path.name}: frame {index} is outside [0, {self.count})")
        record = self._records[index]
        if record["size"] > MOST_BYTES:
            raise TornPacket(self._path, index, f"it claims {record['size']:,} bytes, more than any frame has")
        data = os.pread(self._fd, int(record["size"]), int(record["offset"]))
        if len(data) != record["size"]:
            raise TornPacket(self._path, index, f"{len(data)} of {record['size']} bytes")
        if zlib.crc32(data) != record["crc"]:
            raise TornPacket(self._path, index, "its checksum fails")
        return data

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Take:
    """A take on disk, finished, interrupted or still growing (then: as it was when a part was first asked for).

    Use as a context manager, or `close` it. Raises NoTake, BadManifest, TornRows, TornPacket.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self._lock = threading.Lock()
        self._rows: pa.Table | None = None
        self._tracks: dict[str, CameraTrack] = {}

    @classmethod
    def open(cls, folder: Path) -> Take:
        """Open the take in `folder`."""
        return cls(folder)

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def state(self) -> str:
        return str(self.manifest["state"])

    @property
    def ticks(self) -> int:
        """Return the number of ticks: the manifest's count, or that of the rows while the take is being recorded."""
        return self.rows.num_rows if self.state == "recording" else int(self.manifest["ticks"])

    @property
    def cameras(self) -> list[str]:
        """Return the camera keys."""
        return list(self.manifest["cameras"])

    @property
    def rows(self) -> pa.Table:
        """Return all rows; columns as in `docs/architecture.md`. Raises TornRows if some are damaged or missing.

        OtherRows if they have other columns than the manifest says.
        """
        with self._lock:
            if self._rows is None:
                self._rows = self._read_rows()
            return self._rows

    def column(self, name: str) -> NDArray[np.generic]:
        """Return one column: (ticks,), or (ticks, n) for a feature of n values; KeyError if there is none."""
        return row_files.to_numpy(self.rows.column(name))

    def signal(self, name: str) -> NDArray[np.generic]:
        """Return one feature as (ticks, n), scalars as n = 1; KeyError if there is none."""
        column = self.column(name)
        return column if column.ndim == 2 else column[:, None]

    def texts(self, name: str) -> list[str]:
        """Return a text feature, one str a tick; KeyError if there is none."""
        return unpack_texts(self.column(name))

    def camera(self, key: str) -> CameraTrack:
        """Return the frames of camera `key`, opened once; KeyError if there is none."""
        with self._lock:
            if key not in self._tracks:
                self._tracks[key] = CameraTrack(self.folder, key, self.manifest["cameras"][key])
            return self._tracks[key]

    def frame_index(self, key: str) -> NDArray[np.int64]:
        """Return for each tick, int64 (ticks,), which frame of `camera(key)` the loop had; -1 before the first.

        Where that very frame is not stored it is the newest stored one before it.
        """
        seq = np.asarray(self.column(f"{key}/seq"), np.int64)
        index = np.searchsorted(self.camera(key).seq, seq, side="right").astype(np.int64) - 1
        return np.where(seq < 0, -1, index)

    def close(self) -> None:
        with self._lock:
            for track in self._tracks.values():
                track.close()
            self._tracks.clear()

    def __enter__(self) -> Take:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _read_rows(self) -> pa.Table:
        path = self.folder / ROWS
        columns = self._columns()
        try:
            table = row_files.read_rows(path, columns).table
        except FileNotFoundError:
            raise (NoTake(self.folder) if self.state == "recording" else TornRows(path, 0)) from None
        except OSError as error:
            raise SpoolError(f"{self.id}/{ROWS} cannot be read: {error.strerror or error}") from error
        for column in columns:
            if column.name not in table.column_names or table.schema.field(column.name).type != column.arrow:
                raise OtherRows(path, column.name)
        if self.state != "recording":
            if table.num_rows < int(self.manifest["ticks"]):
                raise TornRows(path, table.num_rows)
            table = table.slice(0, int(self.manifest["ticks"]))
        return table

    def _columns(self) -> list[row_files.Column]:
        try:
            return row_files.columns_of(self.manifest["features"], self.cameras)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UnusableTake(self.folder, error) from error
