"""ExportError            whatever keeps a take from becoming an episode
├─ ExportRefused      the take as it is makes no honest episode; says what a person can do
└─ EncodedBroken      an encoded file is not what its record says
"""

from __future__ import annotations


class ExportError(Exception):
    """Whatever keeps a take from becoming an episode; the message says what, where and what to do next."""


class ExportRefused(ExportError):
    """Raised before anything is encoded. `code`: recording, no_rows, no_frames, bad_trim, rate, depth."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class EncodedBroken(ExportError):
    """What was encoded does not decode to what was planned; the raw take is untouched."""
