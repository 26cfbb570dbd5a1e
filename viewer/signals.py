"""Signals as one binary answer: u32le length of a JSON header, the header, then float32le signal by signal."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from viewer.errors import Gone
from viewer.sources import FrameSource, Signals

MOST_SIGNALS = 512
MOST_VALUES = 64_000_000
"""256 MB: beyond it whole features are left out, and the header says which."""


def pack_signals(source: FrameSource) -> bytes:
    """All signals of an episode. Blocks. Raises Gone where its rows cannot be read.

    The header is padded with spaces so that the values begin at a multiple of 4 bytes. A NaN stays one.
    """
    signals = source.signals()
    named: list[dict[str, Any]] = []
    blocks: list[bytes] = []
    left_out = list(signals.left_out)
    for feature, values in signals.columns.items():
        if len(values) != source.frames:
            raise Gone(f"feature {feature!r} has {len(values)} rows, the episode {source.frames} frames")
        size = values.shape[1]
        if len(named) + size > MOST_SIGNALS or (len(named) + size) * source.frames > MOST_VALUES:
            left_out.append(feature)
            continue
        named += [{"name": name, "feature": feature, "index": i} for i, name in enumerate(signals.names[feature])]
        blocks.append(np.ascontiguousarray(values.T, dtype="<f4").tobytes())
    return _header(source, signals, named, left_out) + b"".join(blocks)


def _header(source: FrameSource, signals: Signals, named: list[dict[str, Any]], left_out: list[str]) -> bytes:
    text = json.dumps(
        {
            "rows": source.frames,
            "fps": source.fps,
            "signals": named,
            "cameras": [camera.key for camera in source.cameras],
            "age_ms": signals.age_ms,
            "first_tick": source.first_tick,
            "version": source.version,
            "left_out": left_out,
        }
    ).encode()
    text += b" " * (-(4 + len(text)) % 4)
    return struct.pack("<I", len(text)) + text
