"""Which encoders work here: found by encoding a few frames, in a process that may die of it."""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from typing import Any

import av

from robotdata.video.codecs import DEFAULT_CODEC, ENCODERS
from robotdata.video.errors import UnknownCodecError

_TRY_TIMEOUT_S = 20.0
_WIDTH, _HEIGHT, _FRAMES = 320, 240, 4


@lru_cache(maxsize=len(ENCODERS))
def codec_works(codec: str) -> bool:
    """Whether `codec` (a name of `ENCODERS`) encodes here; tried once per process.

    An encoder that is compiled in may still fail, hang or crash without its hardware, so it is tried in a
    process of its own. Raises UnknownCodecError.
    """
    if codec not in ENCODERS:
        raise UnknownCodecError(f"codec {codec!r}: want one of {', '.join(ENCODERS)}")
    if ENCODERS[codec].ffmpeg_name not in av.codecs_available:
        return False
    try:
        done = subprocess.run(
            [sys.executable, "-m", "robotdata.video.hardware", codec],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TRY_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def working_hardware_codecs() -> list[str]:
    """The hardware encoders that work here, best first."""
    return [name for name, encoder in ENCODERS.items() if encoder.hardware and codec_works(name)]


def first_working_codec() -> str:
    """What `auto` means here: the first hardware encoder that works, else libsvtav1."""
    hardware = (name for name, encoder in ENCODERS.items() if encoder.hardware)
    return next((name for name in hardware if codec_works(name)), DEFAULT_CODEC)


def _try(codec: str) -> None:
    encoder = ENCODERS[codec]
    context: Any = av.CodecContext.create(encoder.ffmpeg_name, "w")
    context.width, context.height = _WIDTH, _HEIGHT
    context.pix_fmt = encoder.pix_fmts[0]
    context.framerate = 30
    context.time_base = 1 / context.framerate
    packets = []
    for number in range(_FRAMES):
        frame = av.VideoFrame(_WIDTH, _HEIGHT, encoder.pix_fmts[0])
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    if len(packets) != _FRAMES:
        raise SystemExit(1)


if __name__ == "__main__":
    _try(sys.argv[1])
