"""A small sample of `bench/verify_alarms.py`: fresh statistics are never blamed, whatever was encoded, and how."""

from __future__ import annotations

from bench.verify_alarms import search


def test_no_encode_raises_an_alarm() -> None:
    found = search(24, 3, most=6)
    assert found["encodes"] == 24
    assert found["alarms"] == []
