"""Frame ranges for people: counted from 0, both ends included.

`frameRange` in `static/js/lib/format.js` does the same.
"""

from __future__ import annotations


def frame_range(first: int, end: int) -> str:
    """Return `frames 12–110` for the frames from `first` up to, and not including, `end`; `frame 12` for one."""
    return f"frame {first}" if end - first == 1 else f"frames {first}–{end - 1}"
