"""Read a take: rows as columns, frames as packets; checksums detect every damaged one."""

from __future__ import annotations

import os
import threading
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.capture.actions import ACTION, REQUESTED, REQUESTED_COLUMN, SENT
from robotdata.capture.texts import unpack_texts
from robotdata.files import open_beneath
from robotdata.spool import rows as row_files
from robotdata.spool.errors import NoTake, OtherRows, SpoolError, TornPacket, TornRows, UnusableTake
from robotdata.spool.index import read_index
from robotdata.spool.manifest import ROWS, read_manifest
from robotdata.video.packets import MAX_BYTES

_NO_WAIT: int | None = getattr(os, "RWF_NOWAIT", None)
"""Only Linux has it."""
_MOST_AT_ONCE = 1 << 20
"""More would keep others waiting: a megabyte takes about half a millisecond to copy and to check."""


class CameraTrack:
    """The frames of one camera in the order of their capture. Any thread may read them.

    `seq`, int64 (count,), holds sequence numbers, with gaps where frames were dropped; `captured_ns`, int64 (count,),
    monotonic nanoseconds of the rig's clock. Raises SpoolError if a file is missing.
    """

    def __init__(self, folder: Path, key: str, camera: dict[str, Any]) -> None:
        self.key = key
        self.codec = str(camera.get("codec", "mjpeg"))
        self.width = int(camera.get("width", 0))
        self.height = int(camera.get("height", 0))
        self._path = folder / f"{key}.mkv"
        records, valid = read_index(folder / f"{key}.idx")
        records = records[valid]
        try:
            self._fd = open_beneath(folder, self._path.name)
        except FileNotFoundError:
            raise SpoolError(f"take {folder.name} has no {self._path.name}") from None
        # A packet is written before its record, so a record beyond the file's end means that the file was cut later.
        # Subtract, because the sum of an untrusted offset and size may overflow.
        self._opened = _facts(self._fd)
        end = np.uint64(os.fstat(self._fd).st_size)
        inside = records["offset"] <= end
        records = records[inside & (records["size"] <= end - np.minimum(records["offset"], end))]
        self._records = records[np.argsort(records["seq"], kind="stable")]
        self.seq: NDArray[np.int64] = self._records["seq"].astype(np.int64)
        self.captured_ns: NDArray[np.int64] = self._records["captured_ns"].astype(np.int64)

    @property
    def count(self) -> int:
        """Return the number of frames."""
        return len(self._records)

    def packet(self, index: int) -> bytes:
        """Return the packet of frame `index`. Raises IndexError outside [0, count), TornPacket if it is damaged."""
        if not 0 <= index < self.count:
            raise IndexError(f"{self._path.name}: frame {index} is outside [0, {self.count})")
        record = self._records[index]
        if record["size"] > MAX_BYTES:
            raise TornPacket(self._path, index, f"it claims {record['size']:,} bytes, more than any frame has")
        data = os.pread(self._fd, int(record["size"]), int(record["offset"]))
        if len(data) != record["size"]:
            raise TornPacket(self._path, index, f"{len(data)} of {record['size']} bytes")
        if zlib.crc32(data) != record["crc"]:
            raise TornPacket(self._path, index, "its checksum fails")
        return data

    def packet_in_memory(self, index: int) -> bytes | None:
        """Return `packet(index)` if that needs no wait for the disk; None if it does, or if `packet` may raise.

        Also None once the file has changed or was removed since it was opened.
        """
        if _NO_WAIT is None or not 0 <= index < self.count:
            return None
        record = self._records[index]
        size = int(record["size"])
        data = bytearray(size if size <= _MOST_AT_ONCE else 0)
        try:
            if not data or _facts(self._fd) != self._opened:
                return None
            found = os.preadv(self._fd, [data], int(record["offset"]), _NO_WAIT)
        except OSError:  # not in memory, or not on this file system
            return None
        return bytes(data) if found == size and zlib.crc32(data) == record["crc"] else None

    def close(self) -> None:
        """Close the file; do nothing if it is closed."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _facts(fd: int) -> tuple[int, int, int]:
    """Return what differs once somebody writes to the open file or removes it."""
    stat = os.fstat(fd)
    return stat.st_nlink, stat.st_size, stat.st_mtime_ns


class Take:
    """A take on disk. One that is being recorded is read as it is when its rows or frames are first accessed.

    Use it as a context manager, or `close` it. Raises NoTake or BadManifest.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self._lock = threading.Lock()
        self._rows: pa.Table | None = None
        self._tracks: dict[str, CameraTrack] = {}

    @classmethod
    def open(cls, folder: Path) -> Take:
        """Open the take in `folder`. Raises NoTake or BadManifest."""
        return cls(folder)

    @property
    def id(self) -> str:
        """Return the take's id, which is the name of its folder."""
        return self.folder.name

    @property
    def state(self) -> str:
        """Return recording, recorded or interrupted."""
        return str(self.manifest["state"])

    @property
    def ticks(self) -> int:
        """Return the number of ticks, by the manifest; by the rows while the take is being recorded."""
        return self.rows.num_rows if self.state == "recording" else int(self.manifest["ticks"])

    @property
    def recorded_action(self) -> str:
        """Return which action the take's rig chose for datasets, SENT or REQUESTED; SENT if take.json names none."""
        return str(self.manifest.get("recorded_action", SENT))

    @property
    def cameras(self) -> list[str]:
        """Return the camera keys."""
        return list(self.manifest["cameras"])

    @property
    def rows(self) -> pa.Table:
        """Return all rows, with the columns that `docs/architecture.md` lists.

        Raises TornRows if rows are damaged or missing, OtherRows if they have other columns than the manifest
        describes, UnusableTake if it describes none that rows can have.
        """
        with self._lock:
            if self._rows is None:
                self._rows = self._read_rows()
            return self._rows

    def column(self, name: str) -> NDArray[np.generic]:
        """Return one column as (ticks,), or (ticks, n) for a feature of n values. Raises KeyError."""
        return row_files.to_numpy(self.rows.column(name))

    def signal(self, name: str) -> NDArray[np.generic]:
        """Return one feature as (ticks, n), with n = 1 for a scalar. Raises KeyError."""
        column = self.column(name)
        return column if column.ndim == 2 else column[:, None]

    def action_column(self, action: str) -> str | None:
        """Return the column of the rows that holds `action`, SENT or REQUESTED; None if the take does not hold it.

        A take from before both were stored holds the action SENT only. Raises the errors of `rows`.
        """
        column = {SENT: ACTION, REQUESTED: REQUESTED_COLUMN}.get(action)
        return column if column in self.rows.column_names else None

    def texts(self, name: str) -> list[str]:
        """Return a text feature as one str per tick. Raises KeyError."""
        return unpack_texts(self.column(name))

    def camera(self, key: str) -> CameraTrack:
        """Return the frames of camera `key`; the same object each time. Raises KeyError, SpoolError."""
        with self._lock:
            if key not in self._tracks:
                self._tracks[key] = CameraTrack(self.folder, key, self.manifest["cameras"][key])
            return self._tracks[key]

    def frame_index(self, key: str) -> NDArray[np.int64]:
        """Return for each tick the index of the frame of `camera(key)` that was newest, int64 (ticks,).

        If that frame was dropped, it is the newest stored frame before it. It is -1 before the first frame.
        """
        seq = np.asarray(self.column(f"{key}/seq"), np.int64)
        index = np.searchsorted(self.camera(key).seq, seq, side="right").astype(np.int64) - 1
        return np.where(seq < 0, -1, index)

    def close(self) -> None:
        """Close the cameras' files."""
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
            return row_files.columns_of_take(self.manifest)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UnusableTake(self.folder, error) from error
