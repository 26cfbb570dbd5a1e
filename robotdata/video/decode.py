"""Read frames of a video file by number, by time or consecutively.

A single frame is read through our own index with one thread, which is faster than the container's seek and exact.
Consecutive frames are decoded by all threads.
"""

from __future__ import annotations

import math
import operator
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from robotdata.video.colours import to_rgb
from robotdata.video.errors import BrokenVideoError, DecodeError, FileReplacedError, FrameTimestampError
from robotdata.video.index import MAX_PIXELS, FileIdentity, PacketIndex, index_video, open_same
from robotdata.video.jpeg_of_frame import image_jpeg, rgb_image

_THREADED_PIXELS = 2_000_000
"""Pixels of consecutive frames from which on all threads decode: for less, to start them takes longer."""
_TRIES = 50


class VideoDecoder:
    """One open video file. Several threads may use it; they take turns.

    Frames are numbered from 0 in presentation order. `close` waits for a frame that is being decoded. A closed decoder
    still works, but opens the file for each call.
    """

    def __init__(self, path: Path | str, *, index: PacketIndex | None = None) -> None:
        self.path = Path(path)
        self.index, self._file = _open_indexed(self.path, index)
        self.identity = self.index.identity
        self._lock = threading.Lock()
        self._context: Any = None
        self._other_reader: Any = None
        self._began = self._next = -1
        self._closed = False
        self._reformatter = VideoReformatter()

    def __enter__(self) -> VideoDecoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.index)

    @property
    def count(self) -> int:
        """Return the number of frames of the file, counted from its packets."""
        return len(self.index)

    @property
    def fps(self) -> float:
        """Return the average number of frames per second."""
        return float(self.index.rate)

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def size_bytes(self) -> int:
        """Return the approximate memory of this decoder, in bytes: its index and the frames in its codec."""
        pixels = self.index.width * self.index.height
        return len(self.index) * 41 + len(self.index.extradata) + pixels * 12

    def frame(self, number: int) -> NDArray[np.uint8]:
        """Return frame `number` as RGB, uint8 (H, W, 3).

        Raises IndexError if it does not exist, BrokenVideoError if it cannot be decoded.
        """
        with self._lock:
            return self._rgb(self._native(number))

    def jpeg(self, number: int, quality: int) -> bytes:
        """Return frame `number` as a JPEG, 4:2:0. Raises as `frame`, and ImageError if it exceeds MAX_PIXELS."""
        with self._lock:
            image = rgb_image(self._reformatter, self._native(number))
        return image_jpeg(image, quality)

    def native_frame(self, number: int) -> av.VideoFrame:
        """Return frame `number` in the codec's format (yuv420p, gray12le, …). Raises as `frame`."""
        with self._lock:
            return self._native(number)

    def frame_at(self, time_s: float) -> NDArray[np.uint8]:
        """Return the frame nearest to `time_s`, seconds from the start of the file, as RGB uint8 (H, W, 3).

        Times before the first and after the last frame return these frames. Raises FrameTimestampError for NaN.
        """
        if math.isnan(time_s):
            raise FrameTimestampError(f"{self.path}: nan is not a time", [time_s], [], self.path, "pyav")
        return self.frame(self.index.frame_at(time_s))

    def frames(self, numbers: range | None = None) -> Iterator[NDArray[np.uint8]]:
        """Yield consecutive frames as RGB, uint8 (H, W, 3), decoded with all threads; by default all.

        Raises as `frame`, and DecodeError if the range does not go forward in steps of 1 or more.
        """
        reformatter = VideoReformatter()
        for native in self.native_frames(numbers):
            yield _to_rgb(reformatter, native)

    def native_frames(self, numbers: range | None = None) -> Iterator[av.VideoFrame]:
        """Yield frames as `frames` does, in the codec's own format."""
        requested = range(self.count) if numbers is None else numbers
        if not isinstance(requested, range):
            raise DecodeError(f"{self.path}, frames {requested!r}: want a range, as range(0, {self.count})")
        if requested.step < 1:
            raise DecodeError(f"{requested}: frames are decoded forwards; reverse the list instead")
        if not requested:
            return
        self._check(requested[0])
        self._check(requested[-1])
        starts = list(self.index.starts_for(requested[0]))
        for start in starts:
            yielded = 0
            try:
                for frame in _consecutive(self.path, self.identity, self.index, requested, start):
                    yielded += 1
                    yield frame
                return
            except BrokenVideoError:
                if yielded or start == starts[-1]:
                    raise

    @contextmanager
    def open_with(self, make: Callable[[Path], Any]) -> Iterator[Any]:
        """Open this file with another library by `make`, once; yield the result to one thread at a time, until `close`.

        Raises FileReplacedError if the path leads to another file by then.
        """
        with self._lock:
            try:
                if self._other_reader is None:
                    reader = make(self.path)
                    open_same(self.path, self.identity).close()
                    self._other_reader = reader
                yield self._other_reader
            finally:
                if self._closed:
                    self._release()

    def close(self) -> None:
        """Close the file and the codec, after a frame that is being decoded."""
        with self._lock:
            self._closed = True
            self._release()

    def _release(self) -> None:
        self._context = self._other_reader = None
        self._next = -1
        if self._file is not None:
            self._file.close()
            self._file = None

    def _native(self, number: int) -> av.VideoFrame:
        number = self._check(number)
        if self._file is None:
            self._file = open_same(self.path, self.identity)
        try:
            return self._decode(number)
        except av.error.FFmpegError as error:
            self._context = None
            raise BrokenVideoError(f"{self.path}: frame {number} does not decode: {error}", number) from error
        finally:
            if self._closed:
                self._release()

    def _decode(self, number: int) -> av.VideoFrame:
        """Decode frame `number` from the nearest usable keyframe, or from an earlier one if that fails."""
        for start in self.index.starts_for(number, self._file):
            frame = self._decode_from(start, number)
            if frame is not None:
                return frame
        raise BrokenVideoError(f"{self.path}: the decoder returns no frame {number}", number)

    def _decode_from(self, start: int, number: int) -> av.VideoFrame | None:
        """Decode frame `number` from packet `start`, or from the current position if that is in the same group.

        Return None if the decoder yields no such frame.
        """
        index = self.index
        packet = int(index.order[number])
        target_pts = int(index.pts[packet])
        if self._context is None:
            self._context = _codec(index, threads=1)
        if self._began <= start <= self._next <= packet:
            start = self._next  # in the middle of the same group, or right after it
        else:
            self._context.flush_buffers()
            self._began = start
        result: av.VideoFrame | None = None
        for current in range(start, packet + 1):
            for frame in self._context.decode(_packet(index, self._file, current)):
                result = frame if frame.pts == target_pts else result
        self._next = packet + 1
        if result is None:
            # The decoder still holds the frame for reordering: drain it, and restart next time.
            self._next = -1
            for frame in self._context.decode(None):
                result = frame if frame.pts == target_pts else result
        return result

    def _check(self, number: int) -> int:
        """Return the frame number as an int. Raises DecodeError and IndexError."""
        try:
            number = operator.index(number)
        except TypeError as error:
            raise DecodeError(f"{self.path}, frame {number!r}: want a frame's number, 0 to {self.count - 1}") from error
        if not 0 <= number < self.count:
            raise IndexError(f"{self.path} has frames 0 to {self.count - 1}, not {number}")
        return number

    def _rgb(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        return _to_rgb(self._reformatter, frame)


def open_video(path: Path | str) -> VideoDecoder:
    """Open the video at `path` as a decoder, for a `with` block. Raises NotAVideoError."""
    return VideoDecoder(path)


def _to_rgb(reformatter: VideoReformatter, frame: av.VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(to_rgb(reformatter, frame).to_ndarray(), np.uint8)


def _codec(index: PacketIndex, threads: int) -> Any:
    """Return a decoder context for the stream of `index`; 0 threads means all."""
    context: Any = av.CodecContext.create(index.decoder, "r")
    context.width, context.height = index.width, index.height  # raw video and FFV1 do not contain the size
    if index.pix_fmt:
        context.pix_fmt = index.pix_fmt
    if index.extradata:
        context.extradata = index.extradata
    context.options = {"max_pixels": str(MAX_PIXELS)}
    context.thread_count = threads
    if threads == 0:
        context.thread_type = "AUTO"
    return context


def _packet(index: PacketIndex, file: Any, at: int) -> av.Packet:
    """Read packet `at` (decoding order) from the file."""
    offset, size = int(index.position[at]), int(index.size[at])
    # Check before reading: a false table must not make us allocate the size that it claims.
    if offset + size > index.identity.size_bytes or len(data := os.pread(file.fileno(), size, offset)) != size:
        number = int(index.rank[at])
        raise BrokenVideoError(f"{index.path} ends inside frame {number}; it is cut off", number)
    packet = av.Packet(data)
    packet.pts = int(index.pts[at])
    packet.is_keyframe = bool(index.keyframe[at])  # without it, the PNG decoder adds the image to the one before
    return packet


def _open_indexed(path: Path, index: PacketIndex | None) -> tuple[PacketIndex, Any]:
    """Return the index and the open file that it describes, and retry if the file is replaced meanwhile."""
    for _ in range(_TRIES):
        candidate = index_video(path) if index is None else index
        try:
            return candidate, open_same(path, candidate.identity)
        except FileReplacedError:
            if index is not None:
                raise
    raise FileReplacedError(f"{path} keeps changing; wait until it has been written")


def _consecutive(
    path: Path, identity: FileIdentity, index: PacketIndex, requested: range, first: int
) -> Iterator[av.VideoFrame]:
    """Yield the frames `requested`, decoded from packet `first` on."""
    last = int(index.order[requested[0] : requested[-1] + 1].max())
    number_of = {int(index.pts[index.order[number]]): number for number in requested}
    pixels = len(requested) * index.width * index.height
    context = _codec(index, threads=0 if pixels >= _THREADED_PIXELS else 1)
    expected = iter(requested)
    with open_same(path, identity) as file:
        for at in range(first, last + 2):
            packet = _packet(index, file, at) if at <= last else None
            try:
                decoded = context.decode(packet)
            except av.error.FFmpegError as error:
                number = int(index.rank[min(at, last)])
                raise BrokenVideoError(f"{path}: frame {number} does not decode: {error}", number) from error
            for frame in decoded:
                number = number_of.get(frame.pts, -1)
                if number < 0:
                    continue
                missing = next(expected, None)
                if missing != number:
                    raise BrokenVideoError(f"{path}: frame {missing} is missing", missing or number)
                yield frame
    missing = next(expected, None)
    if missing is not None:
        raise BrokenVideoError(f"{path}: the decoder returns no frame {missing}", missing)
