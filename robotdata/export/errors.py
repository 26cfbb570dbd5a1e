"""ExportError            base class of the errors below
├─ ExportRefused      the take cannot become a correct episode; the message says what a person can do
└─ EncodedBroken      an encoded file does not decode to what was planned; remedy: encode again
"""

from __future__ import annotations


class ExportError(Exception):
    """A take cannot be exported. The message says what, where and what to do next."""


class ExportRefused(ExportError):
    """A take cannot become a correct episode. It is raised before anything is encoded.

    `code` is one of recording, no_rows, no_frames, bad_trim, rate, depth, recorded_action.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class EncodedBroken(ExportError):
    """An encoded video does not decode to the planned frames. The raw take is unchanged."""
