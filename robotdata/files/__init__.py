"""Files that others may have put in place: opened without following a link, and bounded before they are read."""

from __future__ import annotations

from robotdata.files.beneath import UnsafeFile, open_beneath, open_real

__all__ = ["UnsafeFile", "open_beneath", "open_real"]
