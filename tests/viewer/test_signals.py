from __future__ import annotations

import json
import struct

import numpy as np

from tests.viewer.conftest import FRONT, TOP, MakeTake
from viewer import signals
from viewer.signals import pack_signals
from viewer.take_source import TakeSource


def unpack(data: bytes) -> tuple[dict, np.ndarray]:
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    values = np.frombuffer(data, "<f4", offset=4 + length)
    return header, values.reshape(len(header["signals"]), header["rows"])


def test_it_gives_every_signal_as_one_run_of_numbers(make_take: MakeTake) -> None:
    source = TakeSource(make_take(11))
    data = pack_signals(source)
    header, values = unpack(data)
    assert struct.unpack_from("<I", data)[0] % 4 == 0  # a browser's Float32Array begins on a multiple of 4
    assert (header["rows"], header["fps"], header["cameras"]) == (11, 30.0, [FRONT, TOP])
    assert header["signals"][1] == {"name": "elbow.pos", "feature": "action", "index": 1}
    assert values[1].tolist() == [-n for n in range(11)]
    assert values[2].tolist() == [n + 0.5 for n in range(11)]
    source.close()


def test_it_says_what_was_too_much(make_take: MakeTake, monkeypatch) -> None:
    monkeypatch.setattr(signals, "MAX_SIGNALS", 3)
    source = TakeSource(make_take(4))
    header, values = unpack(pack_signals(source))
    assert (header["left_out"], values.shape) == (["observation.state"], (2, 4))
    source.close()
