"""The one reader of JSON from outside, at the doors that use it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from robotdata.dataset.errors import DamagedFile
from robotdata.dataset.reader import read_json as read_of_dataset
from robotdata.files.plain_json import read_json
from robotdata.rig.protocol import ProtocolError, decode
from viewer.consumers import parse_message
from viewer.errors import BadRequest

DEEP = b"[" * 100 + b"]" * 100


def test_it_keeps_what_is_no_number_only_where_asked() -> None:
    assert read_json(b'{"a": NaN, "b": 1e999, "c": 2}') == {"a": None, "b": None, "c": 2}
    kept = read_json(b'{"a": NaN, "b": -Infinity, "c": 1e999}', nan=True)
    assert math.isnan(kept["a"]) and (kept["b"], kept["c"]) == (-math.inf, math.inf)


@pytest.mark.parametrize("data", [DEEP, b"[" * 200_000, b"{", b"\xff"])
@pytest.mark.parametrize("nan", [True, False])
def test_it_says_what_is_none(data: bytes, nan: bool) -> None:
    with pytest.raises(ValueError, match=r"is not valid JSON|nested"):
        read_json(data, nan=nan)


def test_every_door_refuses_what_is_nested_too_deeply(tmp_path: Path) -> None:
    path = tmp_path.resolve() / "info.json"
    for data in (DEEP, b"[" * 200_000):  # the parser itself gives up on the second one
        path.write_bytes(data)
        with pytest.raises(DamagedFile, match="info.json cannot be read: it is nested deeper than 64 levels"):
            read_of_dataset(path)
    text = '{"type": "x", "op": "seek", "a": ' + DEEP.decode() + "}"
    with pytest.raises(ProtocolError, match="nested"):
        decode(text)
    with pytest.raises(BadRequest):
        parse_message(text)
