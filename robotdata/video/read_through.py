"""Build the packet tables of a file without plain tables by reading it once.

The position of a packet is known only if its bytes are in the file in one piece.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import av
import numpy as np

from robotdata.video.errors import BrokenVideoError, NotAVideoError
from robotdata.video.mp4 import SampleTables

_BLOCK_HEAD = 64
"""In Matroska and Flash files, a packet begins a few bytes after the position that FFmpeg reports."""
_ADVICE = "copy it into an MP4: `ffmpeg -i FILE -c copy FILE.mp4`"


def read_through(path: Path, container: Any, stream: Any) -> SampleTables:
    """Return the tables of the open container's video stream.

    Raises NotAVideoError if there is no frame, or if single frames of this kind of file cannot be read, and
    BrokenVideoError if it is damaged.
    """
    rows = []
    try:
        with path.open("rb") as file:
            for packet in container.demux(stream):
                if packet.size:
                    times = (packet.pts, packet.duration or 0, packet.is_keyframe, not packet.is_discard)
                    rows.append((_position_of(file.fileno(), packet), packet.size, *times))
    except av.error.FFmpegError as error:
        raise BrokenVideoError(f"{path} breaks at packet {len(rows)}: {error}", len(rows)) from error
    if not rows:
        raise NotAVideoError(f"{path} has a video stream without any frame")
    if any(row[0] is None for row in rows):
        raise NotAVideoError(f"{path} holds its frames in pieces, so that no single one can be read; {_ADVICE}")
    missing = next((n for n, row in enumerate(rows) if row[2] is None), None)
    if missing is not None:
        raise BrokenVideoError(f"{path}: packet {missing} has no time; {_ADVICE}", missing)
    columns = [np.array(column, np.int64) for column in zip(*rows, strict=True)]
    position, size, pts, length, keyframe, shown = columns
    if "avi" in container.format.name and stream.codec_context.has_b_frames and np.all(np.diff(pts) > 0):
        raise NotAVideoError(f"{path} does not say in which order its frames are shown; re-encode it as an MP4")
    return SampleTables(
        stream.time_base, position, size, pts, length, keyframe.astype(np.bool_), shown.astype(np.bool_)
    )


def _position_of(handle: int, packet: Any) -> int | None:
    """Return the position of the packet's bytes in the file; None if they are not there in one piece."""
    if packet.pos is None:
        return None
    offset = os.pread(handle, packet.size + _BLOCK_HEAD, packet.pos).find(bytes(packet))
    return int(packet.pos) + offset if offset >= 0 else None
