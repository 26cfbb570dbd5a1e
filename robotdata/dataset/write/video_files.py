"""Choose the MP4 for a new episode's frames: the last file while it is small and short enough, else the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from robotdata.dataset.layout import next_file
from robotdata.files.trees import link_or_copy
from robotdata.video.errors import VideoError
from robotdata.video.index import PacketIndex, index_video
from robotdata.video.remux import Segment, join_videos

MAX_S = 1000.0
"""Longest file in seconds. LeRobot compares times as float32, which beyond 1024 s are coarser than its tolerance."""
_GRID_S = 1e-4
_OWN_FILE_SHARE = 1 / 16
"""A whole file of another dataset stays a file if it has this share of the limit; a smaller one is appended."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames that go into a video file: `frames` of `path` from `first_frame` on, about `size_bytes`."""

    path: Path
    first_frame: int
    frames: int
    size_bytes: int
    index: PacketIndex

    @property
    def whole(self) -> bool:
        """Whether it is a complete file."""
        return self.first_frame == 0 and self.frames == len(self.index)


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an episode's frames of one camera."""

    chunk: int
    file: int
    first_frame: int


@dataclass
class Group:
    """The pieces of one video file.

    `kept`: its first piece is this file in the old state. `closed`: it is another dataset's file, and nothing is added.
    """

    chunk: int
    file: int
    pieces: list[Piece] = field(default_factory=list)
    kept: bool = False
    closed: bool = False

    def append(self, piece: Piece) -> None:
        """Add a piece. If it continues the last one in the same file, both become one, which may be a whole file."""
        last = self.pieces[-1] if self.pieces else None
        if last is not None and last.path == piece.path and last.first_frame + last.frames == piece.first_frame:
            size = last.size_bytes + piece.size_bytes
            self.pieces[-1] = replace(last, frames=last.frames + piece.frames, size_bytes=size)
        else:
            self.pieces.append(piece)

    @property
    def frames(self) -> int:
        return sum(piece.frames for piece in self.pieces)

    @property
    def size_bytes(self) -> int:
        return sum(piece.size_bytes for piece in self.pieces)


class Placer:
    """Distributes the pieces of one camera over files. `write` then writes new and extended files."""

    def __init__(self, fps: float, limit_bytes: int, chunks_size: int, *, link: bool = True) -> None:
        self._link = link
        self._fps = fps
        self._limit = limit_bytes
        self._chunks_size = chunks_size
        self.groups: list[Group] = []

    def continue_file(self, path: Path | None, chunk: int, file: int) -> None:
        """Continue the last file of the old state. A file that cannot be extended (None, or damaged) is unchanged."""
        group = Group(chunk, file, kept=True)
        try:
            piece = piece_of(path) if path is not None else None
            if piece is not None and on_grid(piece.index, self._fps):
                group.pieces.append(piece)
        except VideoError:
            pass  # `verify` reports what is wrong with it; new frames go to another file
        self.groups.append(group)

    def add(self, piece: Piece) -> Place:
        """Add the next piece and return its place."""
        if not self.groups:
            self.groups.append(Group(0, 0))
        elif not self._fits(self.groups[-1], piece):
            last = self.groups[-1]
            self.groups.append(Group(*next_file(last.chunk, last.file, self._chunks_size)))
        group = self.groups[-1]
        place = Place(group.chunk, group.file, group.frames)
        group.append(piece)
        return place

    def takes_whole(self, pieces: Sequence[Piece]) -> bool:
        """Return whether these pieces are a whole file, which is large enough to stay one and has our frame times."""
        whole, last = pieces[0], 0
        for piece in pieces:
            if piece.path != whole.path or piece.first_frame != last:
                return False
            last += piece.frames
        size = sum(piece.size_bytes for piece in pieces)
        is_large = size >= self._limit * _OWN_FILE_SHARE
        return self._link and is_large and last == len(whole.index) and on_grid(whole.index, self._fps)

    def add_whole(self, pieces: Sequence[Piece]) -> list[Place]:
        """Add a file of its own for these pieces, which `takes_whole` accepts; no packet is copied."""
        last = self.groups[-1] if self.groups else None
        group = Group(*(next_file(last.chunk, last.file, self._chunks_size) if last else (0, 0)), closed=True)
        self.groups.append(group)
        places = []
        for piece in pieces:
            places.append(Place(group.chunk, group.file, group.frames))
            group.append(piece)
        return places

    def write(self, path_of: Callable[[int, int], Path]) -> list[Path]:
        """Write the files; `path_of(chunk, file)` returns a free path. Return the written paths."""
        written = []
        for group in self.groups:
            if group.kept and len(group.pieces) < 2:
                continue
            path = path_of(group.chunk, group.file)
            write_pieces(group.pieces, path, self._fps, link=self._link)
            written.append(path)
        return written

    def _fits(self, group: Group, piece: Piece) -> bool:
        if group.closed:
            return False
        if not group.pieces:
            return not group.kept
        long = (group.frames + piece.frames) / self._fps > MAX_S
        big = group.size_bytes + piece.size_bytes >= self._limit
        return not (long or big) and same_parameters(group.pieces[0].index, piece.index)


def piece_of(path: Path, first_frame: int = 0, frames: int | None = None) -> Piece:
    """Return a piece of the video at `path`, by default all of it; raises VideoError."""
    index = index_video(path)
    count = len(index) - first_frame if frames is None else frames
    size = path.stat().st_size
    return Piece(path, first_frame, count, round(size * count / max(1, len(index))), index)


def same_parameters(first: PacketIndex, second: PacketIndex) -> bool:
    """Return whether packets of both may be in one file."""
    return all(
        getattr(first, name) == getattr(second, name)
        for name in ("codec", "width", "height", "pix_fmt", "extradata", "display_matrix")
    )


def on_grid(index: PacketIndex, fps: float) -> bool:
    """Return whether frame n of a file is at n / fps, so that growing it moves no frame."""
    times = index.pts[index.order].astype(np.float64) * float(index.time_base)
    return bool(np.all(np.abs(times - np.arange(len(times)) / fps) < _GRID_S))


def write_pieces(pieces: Sequence[Piece], path: Path, fps: float, *, link: bool = True) -> None:
    """Write `pieces` to `path`, durably: by a link if it is one whole file and `link`, else by copying packets."""
    if link and len(pieces) == 1 and pieces[0].whole:
        link_or_copy(pieces[0].path, path)
        return
    segments = [Segment(piece.path, piece.first_frame, piece.frames) for piece in pieces]
    join_videos(segments, path, fps=fps)
