"""Find out which encoders work on this machine, by encoding a few frames in a process of its own, which may crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from functools import lru_cache
from typing import Any

import av

from robotdata.video.codecs import DEFAULT_CODEC, ENCODERS
from robotdata.video.errors import UnknownCodecError
from robotdata.video.priority import give_up_real_time

_TRY_TIMEOUT_S = 20.0
_WIDTH, _HEIGHT, _FRAMES = 320, 240, 4


@lru_cache(maxsize=len(ENCODERS))
def codec_works(codec: str) -> bool:
    """Return whether `codec` (a name of `ENCODERS`) encodes on this machine. It is tested once per process.

    Without its hardware an encoder may fail, hang or crash, so it is tested in a process of its own. Raises
    UnknownCodecError.
    """
    if codec not in ENCODERS:
        raise UnknownCodecError(f"codec {codec!r}: want one of {', '.join(ENCODERS)}")
    if ENCODERS[codec].ffmpeg_name not in av.codecs_available:
        return False
    done = _run(codec)
    return done is not None and done.returncode == 0


def working_hardware_codecs() -> list[str]:
    """Return the hardware encoders that work here, best first."""
    return [name for name, encoder in ENCODERS.items() if encoder.hardware and codec_works(name)]


def first_working_codec() -> str:
    """Return the codec that `auto` selects here: the first hardware encoder that works, else libsvtav1."""
    hardware = (name for name, encoder in ENCODERS.items() if encoder.hardware)
    return next((name for name in hardware if codec_works(name)), DEFAULT_CODEC)


@lru_cache(maxsize=64)
def ffmpeg_warnings(
    encoder: str, pix_fmt: str, size: tuple[int, int], options: tuple[tuple[str, str], ...]
) -> list[str]:
    """Return FFmpeg's warnings when it opens `encoder` (FFmpeg's name) with these options; empty if that cannot be run.

    It runs in a process of its own, because capturing FFmpeg's log in a process with other work may deadlock.
    """
    done = _run(json.dumps([encoder, pix_fmt, *size, dict(options)]))
    return [] if done is None else [line for line in done.stdout.decode(errors="replace").splitlines() if line]


def _run(job: str) -> subprocess.CompletedProcess[bytes] | None:
    """Run this module in a child process with `job`; return None if it fails or hangs."""
    # The child must find this package at the same place, also if a notebook added it to sys.path.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "SVT_LOG": "1"}
    try:
        return subprocess.run(
            [sys.executable, "-m", "robotdata.video.hardware", job],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=_TRY_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _print_warnings(encoder: str, pix_fmt: str, width: int, height: int, options: dict[str, str]) -> None:
    """Open the encoder and print FFmpeg's warnings."""
    give_up_real_time()
    av.logging.set_level(av.logging.WARNING)
    context: Any = av.CodecContext.create(encoder, "w")
    context.width, context.height, context.pix_fmt = width, height, pix_fmt
    context.framerate = 30
    context.time_base = 1 / context.framerate
    context.options = options
    with av.logging.Capture() as messages, suppress(av.error.FFmpegError, OSError, ValueError):
        context.open()
    sys.stdout.writelines(text.strip() + "\n" for _, _, text in messages)


def _encode_test_frames(codec: str) -> None:
    """Encode a few frames; exit with 1 if some are missing."""
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
    if sys.argv[1] in ENCODERS:
        _encode_test_frames(sys.argv[1])
    else:
        _print_warnings(*json.loads(sys.argv[1]))
