"""Filmstrips: frames of an episode side by side in one JPEG, cached on disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
import uuid
from pathlib import Path

import numpy as np
from PIL import Image

from robotdata.video.jpeg import ImageError
from viewer.errors import BadRequest, Gone, NotFound
from viewer.pictures import MAX_SIDE, open_scaled, side_by_side
from viewer.sources import FrameSource

MAX_CELLS = 64
MIN_HEIGHT, MAX_HEIGHT = 16, 480


def make_strip(source: FrameSource, camera: str, count: int, height: int) -> bytes:
    """Return `count` evenly spaced frames of `camera`, `height` pixels high, side by side as one JPEG. Blocks.

    A frame that cannot be read leaves a dark cell. Raises NotFound for an unknown camera or an episode without frames,
    Gone if no frame can be read, and BadRequest if the strip would be too wide.
    """
    if camera not in {c.key for c in source.cameras}:
        with contextlib.suppress(NotFound):
            source.jpeg(camera, 0)  # raises Gone if the camera is known and its file is missing
        raise NotFound(f"no camera {camera!r}; there is {', '.join(c.key for c in source.cameras) or 'none'}")
    if source.frames < 1:
        raise NotFound("this episode has no frames yet")
    cells: dict[int, Image.Image | None] = {}
    frames = [int(n) for n in np.linspace(0, source.frames - 1, count).round()]
    fault: Exception | None = None
    for n in dict.fromkeys(frames):
        try:
            cells[n] = open_scaled(source.jpeg(camera, n), height)
        except (Gone, ImageError) as error:
            cells[n], fault = None, error
    size = next((cell.size for cell in cells.values() if cell is not None), None)
    if size is None:
        raise Gone(f"no frame of {camera} can be read: {fault}") from fault
    if size[0] * count > MAX_SIDE:
        raise BadRequest(f"{count} frames of {size[0]} pixels do not fit into one image: request fewer or smaller ones")
    return side_by_side([cells[n] for n in frames], size)


def check_strip(count: int, height: int) -> None:
    """Raise BadRequest unless `count` and `height` are within their bounds."""
    if not 1 <= count <= MAX_CELLS:
        raise BadRequest(f"count {count}: write 1 to {MAX_CELLS}")
    if not MIN_HEIGHT <= height <= MAX_HEIGHT:
        raise BadRequest(f"height {height}: write {MIN_HEIGHT} to {MAX_HEIGHT} pixels")


class StripStore:
    """A cache of filmstrips in `<root>/<episode uuid>/`. Thread-safe.

    It holds at most `max_bytes`; the longest unused filmstrips are deleted first.
    """

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._bytes: int | None = None
        self._lock = threading.Lock()

    def strip(self, episode: uuid.UUID, source: FrameSource, camera: str, count: int, height: int) -> bytes:
        """Return the filmstrip, from the cache if it has this version. Blocks: call it inside STRIP_SLOTS."""
        check_strip(count, height)
        if source.growing:
            return make_strip(source, camera, count, height)
        name = hashlib.blake2s(f"{camera}\0{source.version}".encode(), digest_size=12).hexdigest()
        path = self._root / str(episode) / f"{name}-{count}x{height}.jpg"
        if (cached := _read(path)) is not None:
            return cached
        data = make_strip(source, camera, count, height)
        with contextlib.suppress(OSError):  # if the disk is full, the strip is returned but not cached
            self._write(path, data)
        return data

    def forget(self, episode: uuid.UUID) -> None:
        """Delete the cached filmstrips of one episode."""
        shutil.rmtree(self._root / str(episode), ignore_errors=True)
        with self._lock:
            self._bytes = None

    def _write(self, path: Path, data: bytes) -> None:
        """Write a filmstrip; delete old ones if the cache exceeds its size."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temp = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
        try:
            # No fsync: `_read` detects an incomplete file, and the strip can be made again.
            temp.write_bytes(data)
            temp.replace(path)
        finally:
            temp.unlink(missing_ok=True)
        with self._lock:
            self._bytes = len(data) + (self._bytes if self._bytes is not None else self._measure())
            if self._bytes > self._max_bytes:
                self._bytes = self._shrink()

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return (modification time, bytes, path) of all filmstrips, the oldest first."""
        files = []
        for path in self._root.glob("*/*"):
            with contextlib.suppress(OSError):
                stat = path.stat()
                files.append((stat.st_mtime, stat.st_size, path))
        return sorted(files)

    def _measure(self) -> int:
        """Return the size of the cache in bytes."""
        return sum(size for _, size, _ in self._files())

    def _shrink(self) -> int:
        """Delete the longest unused filmstrips until 90 % of `max_bytes` is used. Return the size in bytes.

        The margin avoids a deletion at every write.
        """
        files = self._files()
        total = sum(size for _, size, _ in files)
        for _, size, path in files:
            if total <= self._max_bytes * 0.9:
                break
            path.unlink(missing_ok=True)
            total -= size
            with contextlib.suppress(OSError):
                path.parent.rmdir()
        return total


def _read(path: Path) -> bytes | None:
    """Return the file if it is a complete JPEG, and mark it as used now; otherwise None."""
    try:
        data = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    return data if data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9") else None
