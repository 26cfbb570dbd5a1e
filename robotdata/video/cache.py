"""A cache of open decoders: least recently used first out, bounded in number and in bytes."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from robotdata.video.decode import VideoDecoder
from robotdata.video.errors import FileReplacedError, VideoError
from robotdata.video.index import FileIdentity

SIZE_VARIABLE = "ROBOTDATA_VIDEO_DECODER_CACHE_SIZE"
LEROBOT_VARIABLE = "LEROBOT_VIDEO_DECODER_CACHE_SIZE"
DEFAULT_SIZE = 100
DEFAULT_BYTES = 512 * 2**20
_MAX_DIGITS = 19
_TRIES = 10
_Read = TypeVar("_Read")
_UNBOUNDED = ("none", "unbounded", "-1")
_BY_DEFAULT = "default"


def cache_size_from_environment() -> int | None:
    """Return the number of decoders that the environment allows; None means unbounded.

    `ROBOTDATA_VIDEO_DECODER_CACHE_SIZE` takes precedence over LeRobot's variable. Raises VideoError if the value is
    neither a positive integer nor `none`, `unbounded` or `-1`.
    """
    name = SIZE_VARIABLE if SIZE_VARIABLE in os.environ else LEROBOT_VARIABLE
    raw = os.environ.get(name)
    if raw is None:
        return DEFAULT_SIZE
    word = raw.strip().lower()
    if word in _UNBOUNDED or (not word and name == LEROBOT_VARIABLE):  # LeRobot: empty means unbounded
        return None
    if not (word.isascii() and word.isdigit() and len(word) < _MAX_DIGITS and int(word) > 0):
        raise VideoError(f"{name}={raw!r}: write a positive integer, or none for no bound, or unset it")
    return int(word)


class _Slot:
    """A decoder that is open or being opened. `ready` is set when opening has succeeded or failed."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.decoder: VideoDecoder | None = None


class VideoDecoderCache:
    """A thread-safe cache of decoders by path and file identity, least recently used first out.

    A file that was replaced is opened again, never served stale. Opening a file blocks only threads that need the same
    file. An evicted decoder closes once no thread decodes with it; it still works after that, but opens the file for
    each call.

    `max_size`: number of decoders (None: unbounded), by default from the environment. `max_bytes`: approximate memory
    of indexes and frames, which applies while more than one decoder is held; by default 512 MiB, or unbounded if
    `max_size` is. A forked process begins with an empty cache. Raises VideoError for an invalid size.
    """

    def __init__(self, max_size: int | None | str = _BY_DEFAULT, *, max_bytes: int | None | str = _BY_DEFAULT) -> None:
        size = cache_size_from_environment() if max_size == _BY_DEFAULT else _bound("max_size", max_size)
        self.max_size = size
        by_default = None if size is None else DEFAULT_BYTES
        self.max_bytes = by_default if max_bytes == _BY_DEFAULT else _bound("max_bytes", max_bytes)
        self._reset()
        _CACHES.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._slots: OrderedDict[str, _Slot] = OrderedDict()

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, str | os.PathLike):
            return False
        with self._lock:
            return _key(path) in self._slots

    def size(self) -> int:
        """Return the number of cached decoders."""
        with self._lock:
            return len(self._slots)

    def size_bytes(self) -> int:
        """Return the approximate memory of the cached decoders, in bytes."""
        with self._lock:
            return self._bytes()

    def clear(self) -> None:
        """Remove all decoders. Each closes once no thread decodes with it."""
        with self._lock:
            removed = [slot.decoder for slot in self._slots.values() if slot.decoder is not None]
            self._slots.clear()
        _close(removed)

    def get_decoder(self, video_path: Path | str) -> VideoDecoder:
        """Return the decoder for `video_path`, cached or opened now. Raises NotAVideoError, BrokenVideoError."""
        key = _key(video_path)
        while True:
            with self._lock:
                slot = self._slots.get(key)
                is_new = slot is None
                if slot is None:
                    slot = self._slots[key] = _Slot()
                else:
                    self._slots.move_to_end(key)
            decoder = self._open(key, slot) if is_new else self._wait(key, slot)
            if decoder is not None:
                return decoder

    def _open(self, key: str, slot: _Slot) -> VideoDecoder:
        """Open the decoder of a new slot and evict others."""
        try:
            slot.decoder = VideoDecoder(key)
        except BaseException:
            with self._lock:
                self._drop(key, slot)
            raise
        finally:
            slot.ready.set()
        with self._lock:
            if self._slots.get(key) is not slot:  # cleared meanwhile
                return slot.decoder
            evicted = self._evict()
        _close(evicted)
        return slot.decoder

    def _wait(self, key: str, slot: _Slot) -> VideoDecoder | None:
        """Wait for another thread's slot; return None if opening failed or the file was replaced."""
        slot.ready.wait()
        decoder = slot.decoder
        if decoder is None:  # opening failed in another thread; the caller retries and gets the error
            return None
        if decoder.identity == FileIdentity.at(key):
            return decoder
        with self._lock:
            self._drop(key, slot)
        decoder.close()
        return None

    def _evict(self) -> list[VideoDecoder]:
        """Remove decoders until the cache is within its bounds. The caller holds the lock."""
        evicted = []
        while len(self._slots) > 1 and self._full():
            # A slot without a decoder is being opened, and threads wait for it: keep it.
            key = next((key for key, slot in self._slots.items() if slot.decoder is not None), None)
            last = next(reversed(self._slots))
            if key is None or key == last:
                break
            decoder = self._slots.pop(key).decoder
            if decoder is not None:
                evicted.append(decoder)
        return evicted

    def _full(self) -> bool:
        too_many = self.max_size is not None and len(self._slots) > self.max_size
        return too_many or (self.max_bytes is not None and self._bytes() > self.max_bytes)

    def _bytes(self) -> int:
        return sum(slot.decoder.size_bytes for slot in self._slots.values() if slot.decoder is not None)

    def _drop(self, key: str, slot: _Slot) -> None:
        if self._slots.get(key) is slot:
            del self._slots[key]


_CACHES: weakref.WeakSet[VideoDecoderCache] = weakref.WeakSet()


def _reset_after_fork() -> None:
    """Empty all caches in a forked process, because a lock that another thread held would stay locked."""
    for cache in list(_CACHES):
        cache._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)


def frame_jpeg(path: Path | str, number: int, *, quality: int = 90, cache: VideoDecoderCache | None = None) -> bytes:
    """Return frame `number` of the video at `path` as a JPEG, 4:2:0.

    Without a cache the file is opened for this call. Raises IndexError for a frame that does not exist, NotAVideoError
    and BrokenVideoError.
    """
    if cache is not None:
        return from_cache(cache, path, lambda decoder: decoder.jpeg(number, quality))
    with VideoDecoder(path) as decoder:
        return decoder.jpeg(number, quality)


def from_cache(cache: VideoDecoderCache, path: Path | str, read: Callable[[VideoDecoder], _Read]) -> _Read:
    """Return what `read` reads from the decoder for `path`; try again if the file is replaced meanwhile."""
    for _ in range(_TRIES):
        try:
            return read(cache.get_decoder(path))
        except FileReplacedError:
            continue
    return read(cache.get_decoder(path))


def _bound(name: str, value: int | str | None) -> int | None:
    """Return a bound of the cache. Raises VideoError if it is not a positive integer or None."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise VideoError(f"{name}={value!r}: want a positive integer, or None for no bound")


def _key(path: str | os.PathLike[str]) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - a key, without access to the disk


def _close(decoders: list[VideoDecoder]) -> None:
    for decoder in decoders:
        decoder.close()
