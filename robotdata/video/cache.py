"""Open decoders kept for the next frame: least recently used out, bounded in number and in bytes."""

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
from robotdata.video.jpeg import encode_jpeg

SIZE_VARIABLE = "ROBOTDATA_VIDEO_DECODER_CACHE_SIZE"
LEROBOTS_VARIABLE = "LEROBOT_VIDEO_DECODER_CACHE_SIZE"
DEFAULT_SIZE = 100
DEFAULT_BYTES = 512 * 2**20
_MOST_DIGITS = 19
_TRIES = 10
_Read = TypeVar("_Read")
_UNBOUNDED = ("none", "unbounded", "-1")
_BY_DEFAULT = "default"


def cache_size_from_environment() -> int | None:
    """Return the number of decoders that `ROBOTDATA_VIDEO_DECODER_CACHE_SIZE`, or else LeRobot's variable, allows;
    None is unbounded.

    Raises VideoError, naming the value, where it is neither a positive integer nor `none`, `unbounded`, `-1`.
    """
    name = SIZE_VARIABLE if SIZE_VARIABLE in os.environ else LEROBOTS_VARIABLE
    raw = os.environ.get(name)
    if raw is None:
        return DEFAULT_SIZE
    word = raw.strip().lower()
    if word in _UNBOUNDED or (not word and name == LEROBOTS_VARIABLE):  # there, empty is unbounded
        return None
    if not (word.isascii() and word.isdigit() and len(word) < _MOST_DIGITS and int(word) > 0):
        raise VideoError(f"{name}={raw!r}: write a positive integer, or none for no bound, or unset it")
    return int(word)


class _Slot:
    """A decoder that is there or being opened; `ready` is set when it is one or has failed."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.decoder: VideoDecoder | None = None


class VideoDecoderCache:
    """Decoders by path and file identity, least recently used out first; for any number of threads.

    A file that was replaced is opened again, never served stale. Opening a file blocks only those who want
    the same one. A decoder that is evicted closes as soon as no frame of it is in the making; whoever still
    holds it can continue, at the price of opening the file for each call.

    `max_size` decoders (None: unbounded), by default from the environment; `max_bytes` of indexes and
    pictures, roughly, while more than one decoder is held: by default 512 MiB, and without a bound where the number
    has none. A forked process begins with an empty cache. Raises VideoError for a size that is none.
    """

    def __init__(self, max_size: int | None | str = _BY_DEFAULT, *, max_bytes: int | None | str = _BY_DEFAULT) -> None:
        size = cache_size_from_environment() if max_size == _BY_DEFAULT else _bound("max_size", max_size)
        self.max_size = size
        by_default = None if size is None else DEFAULT_BYTES
        self.max_bytes = by_default if max_bytes == _BY_DEFAULT else _bound("max_bytes", max_bytes)
        self._begin()
        _CACHES.add(self)

    def _begin(self) -> None:
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
        """Close all of them, each when no frame of it is in the making."""
        with self._lock:
            gone = [slot.decoder for slot in self._slots.values() if slot.decoder is not None]
            self._slots.clear()
        _close(gone)

    def get_decoder(self, video_path: Path | str) -> VideoDecoder:
        """Return the decoder for `video_path`, cached or opened now. Raises NotAVideoError, BrokenVideoError."""
        key = _key(video_path)
        while True:
            with self._lock:
                slot = self._slots.get(key)
                ours = slot is None
                if slot is None:
                    slot = self._slots[key] = _Slot()
                else:
                    self._slots.move_to_end(key)
            decoder = self._open(key, slot) if ours else self._wait(key, slot)
            if decoder is not None:
                return decoder

    def _open(self, key: str, slot: _Slot) -> VideoDecoder:
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
        slot.ready.wait()
        decoder = slot.decoder
        if decoder is None:  # the one who opened it failed; the caller tries itself and gets the reason
            return None
        if decoder.identity == FileIdentity.at(key):
            return decoder
        with self._lock:
            self._drop(key, slot)
        decoder.close()
        return None

    def _evict(self) -> list[VideoDecoder]:
        gone = []
        while len(self._slots) > 1 and self._full():
            # One that is being opened has waiters and no decoder yet: it is not taken from them.
            key = next((key for key, slot in self._slots.items() if slot.decoder is not None), None)
            last = next(reversed(self._slots))
            if key is None or key == last:
                break
            decoder = self._slots.pop(key).decoder
            if decoder is not None:
                gone.append(decoder)
        return gone

    def _full(self) -> bool:
        too_many = self.max_size is not None and len(self._slots) > self.max_size
        return too_many or (self.max_bytes is not None and self._bytes() > self.max_bytes)

    def _bytes(self) -> int:
        return sum(slot.decoder.size_bytes for slot in self._slots.values() if slot.decoder is not None)

    def _drop(self, key: str, slot: _Slot) -> None:
        if self._slots.get(key) is slot:
            del self._slots[key]


_CACHES: weakref.WeakSet[VideoDecoderCache] = weakref.WeakSet()


def _begin_anew() -> None:
    """In a forked process: a lock that another thread held at the fork would stay locked for ever."""
    for cache in list(_CACHES):
        cache._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def frame_jpeg(path: Path | str, number: int, *, quality: int = 90, cache: VideoDecoderCache | None = None) -> bytes:
    """Frame `number` of the video at `path` as a JPEG, 4:2:0.

    Raises IndexError outside the video, NotAVideoError and BrokenVideoError. Without a cache the file is
    opened for this call.
    """
    if cache is not None:
        return encode_jpeg(from_cache(cache, path, lambda decoder: decoder.frame(number)), quality)
    with VideoDecoder(path) as decoder:
        return encode_jpeg(decoder.frame(number), quality)


def from_cache(cache: VideoDecoderCache, path: Path | str, read: Callable[[VideoDecoder], _Read]) -> _Read:
    """Return what `read` reads from the decoder for `path`; try again if the file is replaced meanwhile."""
    for _ in range(_TRIES):
        try:
            return read(cache.get_decoder(path))
        except FileReplacedError:
            continue
    return read(cache.get_decoder(path))


def _bound(name: str, value: int | str | None) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise VideoError(f"{name}={value!r}: want a positive integer, or None for no bound")


def _key(path: str | os.PathLike[str]) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - a key, without touching the disk


def _close(decoders: list[VideoDecoder]) -> None:
    for decoder in decoders:
        decoder.close()
