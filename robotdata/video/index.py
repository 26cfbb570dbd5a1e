"""Index the frames of a video file: position, size, time and keyframe flag of every packet.

With the index, decoding a frame costs one read at a known position and the decoding of its group of pictures.
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

# A file named .mp4 may be a playlist, with which FFmpeg would open other files or URLs.
OPEN_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,h264,hevc,ivf,obu",
}
_TRIES = 50
SIDE_KINDS = ("audio", "subtitle")
MAX_PIXELS = 64_000_000
"""More than any camera has. A stream that claims more is refused before its frames are allocated."""


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Identifies a file, to detect that another file took its path."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> FileIdentity:
        """Return the identity in the result of `stat`."""
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
    """The packets of a video stream in decoding order, and the stream's parameters.

    `position` and `size`: bytes, int64. `pts`: in `time_base`, int64. `keyframe`: bool. Each has shape (packets,).
    `order[n]`: the packet shown as frame n. `rank`: the inverse of `order`. `keys`: the packets of the keyframes;
    `key_frames`: their frame numbers. Packets that an edit list hides are not in `order`; their rank is below 0 or
    beyond the last frame.
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
    other_streams: int
    """Number of audio and subtitle streams of the file."""
    duration: int
    """Ticks of `time_base` from the first frame's time to the end of the last one."""
    display_matrix: bytes
    """The display matrix of an MP4, with which players and some readers rotate frames; empty if there is none."""
    _access: dict[int, Access] = field(default_factory=dict, repr=False, compare=False)
    """The access of keyframes that were inspected, by packet."""

    def __len__(self) -> int:
        return len(self.order)

    @property
    def rate(self) -> Fraction:
        """Frames per second over the whole stream; exact if the rate is constant."""
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
        """Return the packet at which to start decoding for `frame`: the last usable keyframe at or before it.

        A keyframe is not usable if `frame` belongs to an open group and needs frames before the keyframe, or if the
        keyframe is a recovery point too close to `frame`. If no other is usable, it is the first keyframe. Raises
        BrokenVideoError if there is none.
        """
        return next(self.starts_for(frame))

    def starts_for(self, frame: int, file: Any = None) -> Iterator[int]:
        """Yield `start_for`, and if that is a recovery point, earlier keyframes in growing steps.

        The distance after which frames are correct is counted in reference pictures, which the index does not know. A
        decoder that started too late yields no frame, and can be tried with the next start. `file`: the open file, if
        the caller has it. Raises as `start_for`.
        """
        position = int(np.searchsorted(self.key_frames, frame, side="right")) - 1
        if position < 0:
            raise BrokenVideoError(f"{self.path}: no keyframe at or before frame {frame}", frame)
        step = 0
        while position > 0:
            key = int(self.keys[position])
            access = self.access(key, file)
            frames_after = min(int(self.order[frame]) - key, frame - int(self.key_frames[position]))
            if access.recovery_frames is None or access.recovery_frames > frames_after:
                position -= 1
                continue
            yield key
            if access.restarts:
                return
            step += 1
            position -= step
        yield int(self.keys[0])

    def access(self, packet: int, file: Any = None) -> Access:
        """Return what decoding from `packet`, a keyframe, yields. Raises OSError, FileReplacedError."""
        if packet not in self._access:
            self._access[packet] = self._inspect(packet, file)
        return self._access[packet]

    def _inspect(self, packet: int, file: Any) -> Access:
        """Read the head of a keyframe's packet and return its access."""
        reader = AccessReader(self.codec, self.extradata)
        if not reader.needs_inspection:
            return RESTART
        with nullcontext(file) if file is not None else open_same(self.path, self.identity) as opened:
            size = reader.head(int(self.size[packet]))
            head = os.pread(opened.fileno(), size, int(self.position[packet]))
            return reader.access(head) if len(head) == size else RESTART  # truncated: decoding it raises the error


def index_video(path: Path | str) -> PacketIndex:
    """Index the first video stream of `path`: an MP4 from its tables, any other file by reading it completely.

    Raises NotAVideoError if it has no video stream, BrokenVideoError if it is truncated.
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
            continue  # the file was replaced while it was read
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
    """Open the file at `path` unbuffered. Raises FileReplacedError if it is not the file with this identity."""
    try:
        file: Any = path.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise FileReplacedError(f"{path} was removed after it was opened") from error
    if FileIdentity.of(os.fstat(file.fileno())) != identity:
        file.close()
        raise FileReplacedError(f"{path} was replaced by another file; open it again")
    return file


def open_container(path: Path) -> Any:
    """Open a media file; the caller closes it. Raises NotAVideoError."""
    try:
        # Not as `options`, which PyAV passes to each stream, too: if a stream appears only while the file is read
        # (FLV, MPEG), PyAV then writes beyond its memory.
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
    visible = np.flatnonzero(tables.shown[order])
    if not len(visible):
        raise NotAVideoError(f"{path} has a video stream whose edit list hides all of its frames")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order)) - visible[0]
    order = order[visible[0] : visible[-1] + 1]
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
        other_streams=sum(other.type in SIDE_KINDS for other in stream.container.streams),
        display_matrix=tables.display_matrix,
        duration=int(tables.pts[last] - tables.pts[first] + tables.length[last]),
    )
