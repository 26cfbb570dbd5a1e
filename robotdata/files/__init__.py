"""Files that others may have put in place: opened without following a link, and bounded before they are read."""

from __future__ import annotations

from robotdata.files.beneath import UnsafeFile, make_sure_of, open_beneath, open_own, open_real

__all__ = ["UnsafeFile", "make_sure_of", "open_beneath", "open_own", "open_real"]
