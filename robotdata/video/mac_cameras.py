"""List the cameras of a Mac as FFmpeg does. By its documentation and source; not tried on a Mac."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from robotdata.video.avfoundation import SCHEME

_DEVICE = re.compile(r"\[(\d{1,3})\] (.+)")
_SCREEN = re.compile(r"Capture screen \d+")
_MOST = 64
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class MacCamera:
    """A camera: its `name` for people, and the `url` that opens it."""

    name: str
    url: str


def mac_cameras() -> list[MacCamera]:
    """Return the cameras that FFmpeg lists; none on another system. Opens no camera and asks for no permission."""
    if sys.platform != "darwin":
        return []
    import av  # only a Mac's station needs it
    import av.logging

    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture() as messages, suppress(av.error.FFmpegError, OSError, ValueError):
            av.open("", format=SCHEME, options={"list_devices": "true"}).close()  # it lists, and then always fails
    finally:
        av.logging.set_level(level)
    return cameras_in(text for _level, _name, text in messages)


def cameras_in(messages: Iterable[str]) -> list[MacCamera]:
    """Return the cameras that FFmpeg's lines list: not its microphones, and no screens.

    A camera is opened by its name, which stays when others are unplugged; by its number if two have one name, or if
    the name has a colon, which separates picture and sound.
    """
    found: list[tuple[str, str]] = []
    is_video = False
    for line in "".join(messages).splitlines():
        if line.rstrip().endswith("video devices:"):
            is_video = True
        elif line.rstrip().endswith("audio devices:"):
            is_video = False
        elif is_video and (match := _DEVICE.search(line)) and not _SCREEN.fullmatch(match[2].strip()):
            found.append((match[1], match[2].strip()[:_LONGEST_NAME]))
    names = Counter(name for _, name in found)
    return [
        MacCamera(name, f"{SCHEME}:{number if ':' in name or names[name] > 1 else name}")
        for number, name in found[:_MOST]
    ]
