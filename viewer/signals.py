"""Pack the signals of an episode into one binary response.

Layout: u32 little endian, the length of a JSON header in bytes; the header; then float32 little endian values, one
signal after the other.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from robotdata.numbers import count
from viewer.errors import Gone
from viewer.sources import FrameSource, Signals

MAX_SIGNALS = 512
MAX_VALUES = 64_000_000
"""256 MB. Features beyond it are left out; the header names them under `left_out`."""


def pack_signals(source: FrameSource, recorded_action: str = "") -> bytes:
    """Return all signals of an episode. Blocks. Raises Gone if its rows cannot be read.

    `recorded_action` chooses the `action` of a take (`FrameSource.signals`).
    The header is padded with spaces so that the values begin at a multiple of 4 bytes. NaN values stay NaN.
    """
    signals = source.signals(recorded_action)
    descriptions: list[dict[str, Any]] = []
    blocks: list[bytes] = []
    left_out = list(signals.left_out)
    for feature, values in signals.columns.items():
        if len(values) != source.frames:
            raise Gone(
                f"feature {feature!r} has {count(len(values), 'row')}, the episode {count(source.frames, 'frame')}"
            )
        size = values.shape[1]
        if len(descriptions) + size > MAX_SIGNALS or (len(descriptions) + size) * source.frames > MAX_VALUES:
            left_out.append(feature)
            continue
        units = signals.units.get(feature, [""] * size)
        for i, (name, unit) in enumerate(zip(signals.names[feature], units, strict=True)):
            descriptions.append({"name": name, "feature": feature, "index": i, **({"unit": unit} if unit else {})})
        blocks.append(np.ascontiguousarray(values.T, dtype="<f4").tobytes())
    return _header(source, signals, descriptions, left_out) + b"".join(blocks)


def _header(source: FrameSource, signals: Signals, descriptions: list[dict[str, Any]], left_out: list[str]) -> bytes:
    """Return the length of the JSON header and the header."""
    text = json.dumps(
        {
            "rows": source.frames,
            "fps": source.fps,
            "signals": descriptions,
            "cameras": [camera.key for camera in source.cameras],
            "age_ms": signals.age_ms,
            "first_tick": source.first_tick,
            "version": source.version,
            "left_out": left_out,
        }
    ).encode()
    text += b" " * (-(4 + len(text)) % 4)
    return struct.pack("<I", len(text)) + text
