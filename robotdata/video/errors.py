"""The errors of this room; each message says which file, what is wrong and what to do next.

VideoError                      base class; a ValueError
├─ EncodeError                  nothing was written
│  ├─ UnknownCodecError         the codec name is unknown
│  ├─ CodecUnavailableError     the codec is known but does not work here
│  ├─ UnknownOptionError        an option or a value that the encoder does not accept
│  ├─ FrameSizeError            the size is odd, too small, or changes within the video
│  ├─ BrokenFrameError          a packet or image cannot be read; the message names it
│  ├─ NoFramesError             no frames to encode; also a FileNotFoundError
│  └─ OutputExistsError         the output exists; also a FileExistsError
├─ DecodeError                  the video cannot be read as requested
│  ├─ NotAVideoError            the file is empty, a Git LFS pointer, or has no video stream
│  │  ├─ MissingVideoError      the file does not exist; also a FileNotFoundError
│  │  └─ FileReplacedError      the file was replaced or removed
│  ├─ BrokenVideoError          a frame does not decode; the message names it
│  ├─ FrameCountError           the video decodes to another number of frames than expected
│  ├─ FrameTimestampError       no frame is close enough to the requested time
│  └─ BackendMissingError       the package is missing; also an ImportError
└─ JoinError                    nothing was written
   ├─ NothingToJoinError        no videos to join; also a FileNotFoundError
   ├─ SegmentMismatchError      parameters of the videos differ; the message names them
   └─ NotAKeyframeError         a range does not begin at a keyframe, or needs frames outside it
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class VideoError(ValueError):
    """Base class of this room's errors. Each can be built from its message alone, so that it can be pickled."""


class EncodeError(VideoError):
    """Frames cannot be encoded as a video. Nothing was written."""


class UnknownCodecError(EncodeError):
    """The codec name is unknown."""


class CodecUnavailableError(EncodeError):
    """The codec is known but does not work on this machine."""


class UnknownOptionError(EncodeError):
    """The encoder does not accept an option or its value."""


class FrameSizeError(EncodeError):
    """A frame has an odd or too small size, or another size than the first one."""


class BrokenFrameError(EncodeError):
    """A packet or image cannot be read. `frame` counts from 0."""

    def __init__(self, message: str, frame: int = -1) -> None:
        super().__init__(message)
        self.frame = frame


class NoFramesError(EncodeError, FileNotFoundError):
    """There are no frames to encode."""


class OutputExistsError(EncodeError, FileExistsError):
    """The output exists, and `overwrite` is False."""


class DecodeError(VideoError):
    """The video cannot be read as requested."""


class NotAVideoError(DecodeError):
    """The path does not lead to a video."""


class MissingVideoError(NotAVideoError, FileNotFoundError):
    """The file does not exist."""


class FileReplacedError(NotAVideoError):
    """The file that was opened was replaced or removed."""


class BrokenVideoError(DecodeError):
    """The video is damaged. `frame` is the first frame that cannot be decoded, counted from 0."""

    def __init__(self, message: str, frame: int = -1) -> None:
        super().__init__(message)
        self.frame = frame


class FrameCountError(DecodeError):
    """The video decodes to `counted` frames instead of `expected`."""

    def __init__(self, message: str, expected: int = -1, counted: int = -1) -> None:
        super().__init__(message)
        self.expected = expected
        self.counted = counted


class FrameTimestampError(DecodeError):
    """No frame is within the tolerance of a requested time.

    `queried`: all requested times; `loaded`: the nearest ones, in seconds; of `video`, by `backend`.
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
    """A decoding backend is not installed, or does not load."""


class JoinError(VideoError):
    """Videos cannot be joined or cut by copying packets. Nothing was written."""


class NothingToJoinError(JoinError, FileNotFoundError):
    """There are no videos to join."""


class SegmentMismatchError(JoinError):
    """The parameters of segments differ. `differences` maps a parameter to its two values."""

    def __init__(self, message: str, differences: dict[str, tuple[object, object]] | None = None) -> None:
        super().__init__(message)
        self.differences = differences or {}


class NotAKeyframeError(JoinError):
    """The packets of a range of frames need packets outside the range."""
