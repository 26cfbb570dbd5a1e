"""Where each frame of a video file lies: position, size, time and keyframe of every packet.

Built once per file; then any frame costs one read at a known place and the decoding of its group of pictures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from robotdata.video.access import RESTART, Access, AccessReader
from robotdata.video.errors import BrokenVideoError, FileReplacedError, NotAVideoError, VideoError
from robotdata.video.mp4 import SampleTables, read_tables
from robotdata.video.read_through import read_through
from robotdata.video.video_file import require_video_file

# A file named .mp4 may be a playlist that makes FFmpeg fetch other files or addresses.
OPEN_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,h264,hevc,ivf,obu",
}
_TRIES = 50
SIDE_KINDS = ("audio", "subtitle")
MAX_PIXELS = 64_000_000
"""More than any camera gives; a stream that claims more is refused before its frames are allocated."""


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Tells a file from another one that took its path."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> FileIdentity:
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> FileIdentity | None:
        """Return the identity of the file at `path` now; None if there is none."""
        try:
            return cls.of(os.stat(path))  # noqa: PTH116 - on every hit of the cache: no Path is built
        except OSError:
            return None


@dataclass(frozen=True, slots=True)
class PacketIndex:
    """The packets of a video stream in decoding order, and its parameters.

    `position` and `size` in bytes (int64), `pts` in `time_base` (int64), `keyframe` bool: each of shape
    (packets,). `order[n]` is the packet that shows as frame n; `rank` is its inverse; `keys` are the keyframes'
    packets, `key_frames` what they show as. What an edit list hides is a packet, but no frame: it is not in `order`,
    and its rank is below 0 or behind the last frame's.
    """

    path: Path
    codec: str
    decoder: str
    width: int
    height: int
    pix_fmt: str
    extradata: bytes
    time_base: Fraction
    position: NDArray[np.int64]
    size: NDArray[np.int64]
    pts: NDArray[np.int64]
    keyframe: NDArray[np.bool_]
    order: NDArray[np.int64]
    rank: NDArray[np.int64]
    keys: NDArray[np.int64]
    key_frames: NDArray[np.int64]
    claimed_frames: int
    identity: FileIdentity
    beside: int
    """How many streams of sound and subtitles the file has."""
    duration: int
    """Ticks of `time_base` from the first frame's time to the end of the last one."""
    turned: bytes
    """An MP4's display matrix, by which players and some readers turn the pictures; empty if there is none."""
    _access: dict[int, Access] = field(default_factory=dict, repr=False, compare=False)
    """What the keyframes that were looked into are."""

    def __len__(self) -> int:
        return len(self.order)

    @property
    def rate(self) -> Fraction:
        """Return the frames per second over the whole stream, exact if the rate is constant."""
        ticks = self.duration * self.time_base
        return Fraction(len(self)) / ticks if ticks > 0 else Fraction(0)

    def time_s(self, frame: int) -> float:
        """Return when `frame` is shown, in seconds from the start of the file's clock."""
        return float(int(self.pts[self.order[frame]]) * self.time_base)

    def frame_at(self, time_s: float) -> int:
        """Return the frame whose time is nearest to `time_s`, clamped to the first and the last."""
        times = self.pts[self.order]
        ticks = time_s / float(self.time_base)
        after = int(np.searchsorted(times, ticks))
        if after == 0:
            return 0
        if after == len(times):
            return after - 1
        return after if times[after] - ticks < ticks - times[after - 1] else after - 1

    def start_for(self, frame: int) -> int:
        """Return the packet at which to start decoding for `frame`: the last keyframe at or before it that yields it.

        Not the last one decoded before it: frames shown ahead of an open group's keyframe need what was before. Not a
        recovery point after which too few frames were shown. Where no other will do it is the first keyframe.
        Raises BrokenVideoError if there is none.
        """
        return next(self.starts_for(frame))

    def starts_for(self, frame: int, file: Any = None) -> Iterator[int]:
        """`start_for`, and where that is a recovery point those further back, in growing steps.

        How far behind a recovery point pictures are right is counted in pictures that others refer to, which we do not
        count: a decoder that began too late gives no frame, and can be tried from the next one. `file` is the open
        file, where the caller has it. Raises as `start_for`.
        """
        place = int(np.searchsorted(self.key_frames, frame, side="right")) - 1
        if place < 0:
            raise BrokenVideoError(f"{self.path}: no keyframe at or before frame {frame}", frame)
        step = 0
        while place > 0:
            key = int(self.keys[place])
            access = self.access(key, file)
            shown = min(int(self.order[frame]) - key, frame - int(self.key_frames[place]))
            if access.behind is None or access.behind > shown:
                place -= 1
                continue
            yield key
            if access.restarts:
                return
            step += 1
            place -= step
        yield int(self.keys[0])

    def access(self, packet: int, file: Any = None) -> Access:
        """Return what decoding from `packet`, a keyframe, yields. Raises OSError, FileReplacedError."""
        if packet not in self._access:
            self._access[packet] = self._look_into(packet, file)
        return self._access[packet]

    def _look_into(self, packet: int, file: Any) -> Access:
        reader = AccessReader(self.codec, self.extradata)
        if not reader.looks:
            return RESTART
        with nullcontext(file) if file is not None else open_same(self.path, self.identity) as opened:
            size = reader.head(int(self.size[packet]))
            head = os.pread(opened.fileno(), size, int(self.position[packet]))
            return reader.access(head) if len(head) == size else RESTART  # cut off: whoever decodes it says so


def index_video(path: Path | str) -> PacketIndex:
    """Index the first video stream of `path`: an MP4 from its tables, any other file by reading it through.

    Raises NotAVideoError if there is no video in it, BrokenVideoError if it breaks off.
    """
    path = Path(path)
    for _ in range(_TRIES):
        require_video_file(path)
        identity = FileIdentity.at(path)
        try:
            index = _read_index(path, identity)
        except VideoError:
            if identity == FileIdentity.at(path):
                raise
            continue  # half of it was of the file that took its place
        if identity == FileIdentity.at(path):
            return index
    raise FileReplacedError(f"{path} keeps changing; wait until it has been written")


def _read_index(path: Path, identity: FileIdentity | None) -> PacketIndex:
    if identity is None:
        raise FileReplacedError(f"{path} was removed while it was opened")
    container, stream = open_video_stream(path)
    with container:
        tables = read_tables(path)
        if tables is None or tables.time_base != stream.time_base:
            tables = read_through(path, container, stream)
        return _index(path, stream, tables, identity)


def open_same(path: Path, identity: FileIdentity) -> Any:
    """Open the file at `path` unbuffered. Raises FileReplacedError if it is not the one that was there."""
    try:
        file: Any = path.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise FileReplacedError(f"{path} was removed after it was opened") from error
    if FileIdentity.of(os.fstat(file.fileno())) != identity:
        file.close()
        raise FileReplacedError(f"{path} was replaced by another file; open it again")
    return file


def open_container(path: Path) -> Any:
    """Open a container that holds video; the caller closes it. Raises NotAVideoError."""
    try:
        # As `options` they would be given to each stream, too: a file that shows another stream only while it is
        # looked through (FLV, MPEG) then makes PyAV write past its memory.
        return av.open(str(path.absolute()), container_options=dict(OPEN_OPTIONS), metadata_errors="replace")
    except (av.error.FFmpegError, UnicodeError) as error:
        raise NotAVideoError(f"{path} cannot be opened by FFmpeg: {error}") from error


def open_video_stream(path: Path) -> tuple[Any, Any]:
    """Open a container and return it with its first video stream; the caller closes it. Raises NotAVideoError."""
    container = open_container(path)
    if not container.streams.video:
        container.close()
        raise NotAVideoError(f"{path} has no video stream")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        container.close()
        raise NotAVideoError(
            f"{path} has a video stream in a codec that FFmpeg does not know; it is damaged or foreign"
        )
    return container, stream


def _index(path: Path, stream: Any, tables: SampleTables, identity: FileIdentity) -> PacketIndex:
    context = stream.codec_context
    order = np.argsort(tables.pts, kind="stable")
    seen = np.flatnonzero(tables.shown[order])
    if not len(seen):
        raise NotAVideoError(f"{path} has a video stream whose edit list hides all of its frames")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order)) - seen[0]
    order = order[seen[0] : seen[-1] + 1]
    keys = np.flatnonzero(tables.keyframe)
    first, last = int(order[0]), int(order[-1])
    return PacketIndex(
        path=path,
        codec=context.codec.canonical_name,
        decoder=context.name,
        width=context.width,
        height=context.height,
        pix_fmt=context.pix_fmt or "",
        extradata=context.extradata or b"",
        time_base=stream.time_base,
        position=tables.position,
        size=tables.size,
        pts=tables.pts,
        keyframe=tables.keyframe,
        order=order,
        rank=rank,
        keys=keys,
        key_frames=rank[keys],
        claimed_frames=stream.frames,
        identity=identity,
        beside=sum(other.type in SIDE_KINDS for other in stream.container.streams),
        turned=tables.turned,
        duration=int(tables.pts[last] - tables.pts[first] + tables.length[last]),
    )
