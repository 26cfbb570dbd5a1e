"""List the formats, sizes and rates of a V4L2 camera with ioctl. Nothing in the camera is changed."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from robotdata.video.v4l2_formats import Mode, Steps

Ioctl = Callable[[int, bytearray], None]
"""Sends a request with a buffer that the driver fills. Raises OSError."""

# Structures of <linux/videodev2.h>: an index, the parameters of the query, and the driver's answer.
_FORMAT = struct.Struct("=III32sI16x")
_SIZE = struct.Struct("=III6I8x")
_RATE = struct.Struct("=IIIII6I8x")
_CAPABILITY = struct.Struct("=16s32s32sIII12x")
_CAPTURE = 1
_CAN_CAPTURE = 0x00000001
_HAS_DEVICE_CAPS = 0x80000000
_DISCRETE = 1
_MAX_ENTRIES = 512


def _read_write(number: int, size: int) -> int:
    """Return _IOWR('V', number, size) of <linux/ioctl.h>."""
    return 3 << 30 | size << 16 | ord("V") << 8 | number


QUERY_CAPABILITY = 2 << 30 | _CAPABILITY.size << 16 | ord("V") << 8
ENUM_FORMATS = _read_write(2, _FORMAT.size)
ENUM_SIZES = _read_write(74, _SIZE.size)
ENUM_RATES = _read_write(75, _RATE.size)


def list_modes(path: str) -> list[Mode]:
    """Return the modes of the camera at `path`; empty if it is not a V4L2 camera.

    Raises OSError if it cannot be opened.
    """
    with open_ioctl(path) as ioctl:
        return modes_from(ioctl)


@dataclass(frozen=True, slots=True)
class Capability:
    """What a V4L2 device says of itself; `captures`: it gives pictures (a camera's metadata node does not)."""

    card: str
    captures: bool


@contextmanager
def open_ioctl(path: str) -> Iterator[Ioctl]:
    """Open a device file for queries. Raises OSError."""
    handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield lambda request, buffer: _ioctl(handle, request, buffer)
    finally:
        os.close(handle)


def capability_from(ioctl: Ioctl) -> Capability | None:
    """Return what the device says of itself; None if it is not a V4L2 device. Raises OSError."""
    answer = _query(ioctl, QUERY_CAPABILITY, _CAPABILITY, b"", b"", b"", 0, 0, 0)
    if answer is None:
        return None
    _driver, card, _bus, _version, everything, of_this_node = answer
    can = of_this_node if everything & _HAS_DEVICE_CAPS else everything
    return Capability(bytes(card).partition(b"\0")[0].decode("utf-8", "replace").strip(), bool(can & _CAN_CAPTURE))


def modes_from(ioctl: Ioctl) -> list[Mode]:
    """Return the modes that `ioctl` reports."""
    modes = []
    for number in range(_MAX_ENTRIES):
        answer = _query(ioctl, ENUM_FORMATS, _FORMAT, number, _CAPTURE, 0, b"", 0)
        if answer is None:
            break
        pixels = answer[4]
        code = struct.pack("<I", pixels & 0x7FFFFFFF).decode("ascii", "replace")
        modes += [Mode(code, width, height, rates) for width, height, rates in _sizes(ioctl, pixels)]
    return modes


def _sizes(ioctl: Ioctl, pixels: int) -> Iterator[tuple[Steps, Steps, tuple[Steps, ...]]]:
    """Yield (widths, heights, rates) of a pixel format."""
    for number in range(_MAX_ENTRIES):
        answer = _query(ioctl, ENUM_SIZES, _SIZE, number, pixels, *[0] * 7)
        if answer is None:
            return
        kind, values = answer[2], answer[3:]
        if kind == _DISCRETE:
            wide, high = values[:2]
            width, height = Steps(wide, wide), Steps(high, high)
        else:
            width, height = Steps(*values[:3]), Steps(*values[3:])
        yield width, height, tuple(_rates(ioctl, pixels, int(width.high), int(height.high)))
        if kind != _DISCRETE:
            return


def _rates(ioctl: Ioctl, pixels: int, width: int, height: int) -> Iterator[Steps]:
    """Yield rates in frames per second; the driver reports seconds per frame."""
    for number in range(_MAX_ENTRIES):
        answer = _query(ioctl, ENUM_RATES, _RATE, number, pixels, width, height, *[0] * 7)
        if answer is None:
            return
        kind, values = answer[4], answer[5:]
        shortest = longest = values[:2]
        if kind != _DISCRETE:
            longest = values[2:4]
        if shortest[0] and longest[0]:
            yield Steps(longest[1] / longest[0], shortest[1] / shortest[0])
        if kind != _DISCRETE:
            return


def _query(ioctl: Ioctl, request: int, layout: struct.Struct, *fields: int | bytes) -> tuple[Any, ...] | None:
    """Return the driver's answer; None at the end of its list, or if it has no such list. Raises OSError."""
    buffer = bytearray(layout.pack(*fields))
    try:
        ioctl(request, buffer)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY, errno.ENODATA, errno.ENOSYS):
            return None
        raise
    return layout.unpack(buffer)


def _ioctl(handle: int, request: int, buffer: bytearray) -> None:
    fcntl.ioctl(handle, request, buffer, True)
