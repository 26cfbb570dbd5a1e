"""Filmstrips: frames of an episode side by side in one JPEG, kept on disk, made again when missing."""

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
from viewer.errors import BadRequest, Gone, NotThere
from viewer.pictures import MOST_SIDE, open_scaled, side_by_side
from viewer.sources import FrameSource

MOST_CELLS = 64
LEAST_HEIGHT, MOST_HEIGHT = 16, 480


def make_strip(source: FrameSource, camera: str, count: int, height: int) -> bytes:
    """`count` frames of `camera` from the first to the last, `height` pixels high, as one JPEG. Blocks.

    A frame that cannot be read leaves a dark cell; Gone where none can. Raises NotThere for an unknown camera.
    """
    if camera not in {c.key for c in source.cameras}:
        with contextlib.suppress(NotThere):
            source.jpeg(camera, 0)  # where the camera is known and its file is not there, this says so
        raise NotThere(f"no camera {camera!r}; there is {', '.join(c.key for c in source.cameras) or 'none'}")
    if source.frames < 1:
        raise NotThere("this episode has no frames yet")
    cells: dict[int, Image.Image | None] = {}
    places = [int(n) for n in np.linspace(0, source.frames - 1, count).round()]
    fault: Exception | None = None
    for n in dict.fromkeys(places):
        try:
            cells[n] = open_scaled(source.jpeg(camera, n), height)
        except (Gone, ImageError) as error:
            cells[n], fault = None, error
    size = next((cell.size for cell in cells.values() if cell is not None), None)
    if size is None:
        raise Gone(f"no frame of {camera} can be read: {fault}") from fault
    if size[0] * count > MOST_SIDE:
        raise BadRequest(f"{count} frames of {size[0]} pixels do not fit into one image: request fewer or smaller ones")
    return side_by_side([cells[n] for n in places], size)


def check_strip(count: int, height: int) -> None:
    """Raises BadRequest, with the bounds."""
    if not 1 <= count <= MOST_CELLS:
        raise BadRequest(f"count {count}: write 1 to {MOST_CELLS}")
    if not LEAST_HEIGHT <= height <= MOST_HEIGHT:
        raise BadRequest(f"height {height}: write {LEAST_HEIGHT} to {MOST_HEIGHT} pixels")


class StripStore:
    """`<root>/<episode uuid>/`, at most `max_bytes`, the longest unused thrown away first. Thread safe."""

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._bytes: int | None = None
        self._lock = threading.Lock()

    def strip(self, episode: uuid.UUID, source: FrameSource, camera: str, count: int, height: int) -> bytes:
        """The filmstrip, from the disk where it is there and of this version. Blocks: take a turn of STRIP_TURNS."""
        check_strip(count, height)
        if source.growing:
            return make_strip(source, camera, count, height)
        name = hashlib.blake2s(f"{camera}\0{source.version}".encode(), digest_size=12).hexdigest()
        path = self._root / str(episode) / f"{name}-{count}x{height}.jpg"
        if (kept := _read(path)) is not None:
            return kept
        data = make_strip(source, camera, count, height)
        with contextlib.suppress(OSError):  # a full disk costs the store, never the picture
            self._write(path, data)
        return data

    def forget(self, episode: uuid.UUID) -> None:
        """Throw away what is kept for one episode."""
        shutil.rmtree(self._root / str(episode), ignore_errors=True)
        with self._lock:
            self._bytes = None

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temp = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
        try:
            # No fsync: it can be made again, and a torn one is seen when it is read.
            temp.write_bytes(data)
            temp.replace(path)
        finally:
            temp.unlink(missing_ok=True)
        with self._lock:
            self._bytes = len(data) + (self._bytes if self._bytes is not None else self._measure())
            if self._bytes > self._max_bytes:
                self._bytes = self._shrink()

    def _files(self) -> list[tuple[float, int, Path]]:
        found = []
        for path in self._root.glob("*/*"):
            with contextlib.suppress(OSError):
                stat = path.stat()
                found.append((stat.st_mtime, stat.st_size, path))
        return sorted(found)

    def _measure(self) -> int:
        return sum(size for _, size, _ in self._files())

    def _shrink(self) -> int:
        """Down to nine tenths, so that not every write has to."""
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
    """The file if it is a whole JPEG; marked as used just now."""
    try:
        data = path.read_bytes()
        os.utime(path)
    except OSError:
        return None
    return data if data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9") else None
