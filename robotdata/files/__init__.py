"""Files, safely: durable, replaced in one step, whole or absent, locked; and opened without following a link.

The ground of all other rooms. Each file here has one idea, and is imported by its own name.
"""

from __future__ import annotations

from robotdata.files.beneath import UnsafeFile, make_sure_of, open_beneath, open_own, open_real

__all__ = ["UnsafeFile", "make_sure_of", "open_beneath", "open_own", "open_real"]
