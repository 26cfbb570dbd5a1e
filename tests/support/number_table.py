"""Values and the words that both helpers for numbers must print: `robotdata/numbers.py` and `lib/format.js`."""

from __future__ import annotations

from typing import Any

TABLE: list[tuple[str, list[Any], str]] = [
    ("number", [0], "0"),
    ("number", [1204], "1,204"),
    ("number", [1234567], "1,234,567"),
    ("count", [0, "take"], "0 takes"),
    ("count", [1, "take"], "1 take"),
    ("count", [2, "take"], "2 takes"),
    ("count", [1204, "take"], "1,204 takes"),
    ("count", [2, "batch", "batches"], "2 batches"),
    ("frame_range", [12, 111], "frames 12–110"),
    ("frame_range", [0, 1], "frame 0"),
    ("frame_count", [123, 123], "123 frames"),
    ("frame_count", [99, 123], "99 of 123 frames"),
    ("frame_count", [1, 1], "1 frame"),
    ("clock", [None], "–"),
    ("clock", [0], "0:00.0"),
    ("clock", [-3], "0:00.0"),
    ("clock", [6.5333], "0:06.5"),
    ("clock", [6.57], "0:06.6"),
    ("clock", [59.96], "1:00.0"),
    ("clock", [0.25], "0:00.3"),
    ("clock", [599.94], "9:59.9"),
    ("clock", [599.96], "10:00"),
    ("clock", [723.2], "12:03"),
    ("clock", [3599.6], "1:00:00"),
    ("clock", [3723], "1:02:03"),
    ("seconds", [None], "–"),
    ("seconds", [3.85], "3.9 s"),
    ("seconds", [99.94], "99.9 s"),
    ("seconds", [240], "4 min"),
    ("span", [None], "–"),
    ("span", [0], "0 s"),
    ("span", [2.5], "3 s"),
    ("span", [48.4], "48 s"),
    ("span", [99.6], "2 min"),
    ("span", [720], "12 min"),
    ("span", [5369], "89 min"),
    ("span", [5400], "1.5 h"),
    ("span", [12240], "3.4 h"),
    ("size", [None], "–"),
    ("size", [0], "0 B"),
    ("size", [999], "999 B"),
    ("size", [999.6], "1 kB"),
    ("size", [12345], "12 kB"),
    ("size", [2500], "3 kB"),
    ("size", [999_600], "1.0 MB"),
    ("size", [3_449_999], "3.4 MB"),
    ("size", [99_960_000], "100 MB"),
    ("size", [1_250_000_000], "1.3 GB"),
    ("size", [2_000_000_000_000], "2.0 TB"),
]
"""Name of the Python function, its arguments, and what it prints."""

IN_SCRIPTS = {"frame_range": "frameRange", "frame_count": "frameCount", "size": "bytes"}
"""The names in `format.js` that differ."""
