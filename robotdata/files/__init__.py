"""Write files durably, replace them atomically, lock them, and open them without following links.

All other rooms build on this one. Import each function from its module; the functions below are also exported here.
"""

from __future__ import annotations

from robotdata.files.beneath import UnsafeFile, create_if_missing, open_beneath, open_own, open_real

__all__ = ["UnsafeFile", "create_if_missing", "open_beneath", "open_own", "open_real"]
