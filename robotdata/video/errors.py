"""The errors of this room; each message says which file, what is wrong and what to do next.

VideoError                      whatever the video room cannot do; a ValueError
├─ EncodeError                  nothing was written
│  ├─ UnknownCodecError         the codec's name is in no table
│  ├─ CodecUnavailableError     known, but it does not work here
│  ├─ UnknownOptionError        an option or a value that the encoder does not take
│  ├─ FrameSizeError            odd, too small, or changing in mid-video
│  ├─ BrokenFrameError          a packet or picture that cannot be read; says which
│  ├─ NoFramesError             nothing to encode; also a FileNotFoundError
│  └─ OutputExistsError         also a FileExistsError
├─ DecodeError
│  ├─ NotAVideoError            empty, a pointer, or no video stream in it
│  │  ├─ MissingVideoError      not there; also a FileNotFoundError
│  │  └─ FileReplacedError      another file took its path, or it is gone
│  ├─ BrokenVideoError          says at which frame it breaks
│  ├─ FrameCountError           whole, but not as many frames as expected
│  ├─ FrameTimestampError       no frame close enough to the time asked for
│  └─ BackendMissingError       says what to install; also an ImportError
└─ JoinError
   ├─ NothingToJoinError        no videos; also a FileNotFoundError
   ├─ SegmentMismatchError      says which parameters differ
   └─ NotAKeyframeError         a range that does not begin at a keyframe or cannot be cut out
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class VideoError(ValueError):
    """Whatever the video room cannot do. Every kind can be made of its words alone, so that all can be pickled."""


class EncodeError(VideoError):
    """Frames that could not become a video; nothing was written."""


class UnknownCodecError(EncodeError):
    """A codec name that is in no table."""


class CodecUnavailableError(EncodeError):
    """A known codec that does not work on this machine."""


class UnknownOptionError(EncodeError):
    """An option, or its value, that the encoder does not take."""


class FrameSizeError(EncodeError):
    """A frame that is odd, too small, or not of the size of the first one."""


class BrokenFrameError(EncodeError):
    """A packet or picture that cannot be read; `frame` counts from 0."""

    def __init__(self, message: str, frame: int = -1) -> None:
        super().__init__(message)
        self.frame = frame


class NoFramesError(EncodeError, FileNotFoundError):
    """Nothing to encode."""


class OutputExistsError(EncodeError, FileExistsError):
    """The output is there already, and `overwrite` was not asked for."""


class DecodeError(VideoError):
    """A video that cannot be read as asked."""


class NotAVideoError(DecodeError):
    """A path that holds no video."""


class MissingVideoError(NotAVideoError, FileNotFoundError):
    """A path where nothing is."""


class FileReplacedError(NotAVideoError):
    """The file that was opened is no longer the one at its path."""


class BrokenVideoError(DecodeError):
    """A video that breaks; `frame` is the first that cannot be had, counted from 0."""

    def __init__(self, message: str, frame: int = -1) -> None:
        super().__init__(message)
        self.frame = frame


class FrameCountError(DecodeError):
    """A whole video with another number of frames than expected."""

    def __init__(self, message: str, expected: int = -1, counted: int = -1) -> None:
        super().__init__(message)
        self.expected = expected
        self.counted = counted


class FrameTimestampError(DecodeError):
    """No frame within the tolerance of a time that was asked for: all times `queried` and the nearest ones, `loaded`,
    in seconds, of which `video`, by which `backend`.
    """

    def __init__(
        self,
        message: str,
        queried: Sequence[float] = (),
        loaded: Sequence[float] = (),
        video: Path | None = None,
        backend: str = "",
    ) -> None:
        super().__init__(message)
        self.queried, self.loaded = list(queried), list(loaded)
        self.video, self.backend = video, backend


class BackendMissingError(DecodeError, ImportError):
    """A decoding backend that is not installed, or does not load."""


class JoinError(VideoError):
    """Videos that cannot be joined or cut by copying packets; nothing was written."""


class NothingToJoinError(JoinError, FileNotFoundError):
    """No videos to join."""


class SegmentMismatchError(JoinError):
    """Segments with different parameters; `differences` maps a parameter to the two values."""

    def __init__(self, message: str, differences: dict[str, tuple[object, object]] | None = None) -> None:
        super().__init__(message)
        self.differences = differences or {}


class NotAKeyframeError(JoinError):
    """A range of frames whose packets cannot stand by themselves."""
