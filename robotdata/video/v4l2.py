"""What a V4L2 camera lists: its formats, their sizes, and the rates of each size. Asked by ioctl, changes nothing."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator

from robotdata.video.v4l2_formats import Mode, Steps

Ioctl = Callable[[int, bytearray], None]
"""Sends a request with a buffer that the driver fills; raises OSError."""

# Structures of <linux/videodev2.h>: an index that counts up, what is asked about, and what the driver answers.
_FORMAT = struct.Struct("=III32sI16x")
_SIZE = struct.Struct("=III6I8x")
_RATE = struct.Struct("=IIIII6I8x")
_CAPTURE = 1
_DISCRETE = 1
_MOST = 512


def _read_write(number: int, size: int) -> int:
    """_IOWR('V', number, size) of <linux/ioctl.h>."""
    return 3 << 30 | size << 16 | ord("V") << 8 | number


ENUM_FORMATS = _read_write(2, _FORMAT.size)
ENUM_SIZES = _read_write(74, _SIZE.size)
ENUM_RATES = _read_write(75, _RATE.size)


def list_modes(path: str) -> list[Mode]:
    """Return the modes of the camera at `path`; none if it is not a V4L2 camera. Raises OSError if it cannot open."""
    handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return modes_by(lambda request, buffer: _ask(handle, request, buffer))
    finally:
        os.close(handle)


def modes_by(ioctl: Ioctl) -> list[Mode]:
    """Return the modes that `ioctl` reports."""
    made = []
    for number in range(_MOST):
        found = _answer(ioctl, ENUM_FORMATS, _FORMAT, number, _CAPTURE, 0, b"", 0)
        if found is None:
            break
        pixels = found[4]
        code = struct.pack("<I", pixels & 0x7FFFFFFF).decode("ascii", "replace")
        made += [Mode(code, width, height, rates) for width, height, rates in _sizes(ioctl, pixels)]
    return made


def _sizes(ioctl: Ioctl, pixels: int) -> Iterator[tuple[Steps, Steps, tuple[Steps, ...]]]:
    for number in range(_MOST):
        found = _answer(ioctl, ENUM_SIZES, _SIZE, number, pixels, *[0] * 7)
        if found is None:
            return
        kind, values = found[2], found[3:]
        if kind == _DISCRETE:
            wide, high = values[:2]
            width, height = Steps(wide, wide), Steps(high, high)
        else:
            width, height = Steps(*values[:3]), Steps(*values[3:])
        yield width, height, tuple(_rates(ioctl, pixels, int(width.high), int(height.high)))
        if kind != _DISCRETE:
            return


def _rates(ioctl: Ioctl, pixels: int, width: int, height: int) -> Iterator[Steps]:
    """In frames per second; the driver tells seconds for each frame."""
    for number in range(_MOST):
        found = _answer(ioctl, ENUM_RATES, _RATE, number, pixels, width, height, *[0] * 7)
        if found is None:
            return
        kind, values = found[4], found[5:]
        shortest = longest = values[:2]
        if kind != _DISCRETE:
            longest = values[2:4]
        if shortest[0] and longest[0]:
            yield Steps(longest[1] / longest[0], shortest[1] / shortest[0])
        if kind != _DISCRETE:
            return


def _answer(ioctl: Ioctl, request: int, layout: struct.Struct, *asked: int | bytes) -> tuple[int, ...] | None:
    """What the driver answers; None behind the end of its list, or where it has no such list."""
    buffer = bytearray(layout.pack(*asked))
    try:
        ioctl(request, buffer)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY, errno.ENODATA, errno.ENOSYS):
            return None
        raise
    return layout.unpack(buffer)


def _ask(handle: int, request: int, buffer: bytearray) -> None:
    fcntl.ioctl(handle, request, buffer, True)
