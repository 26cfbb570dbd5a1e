"""The cache of JPEGs holds the newest, within its bytes."""

from __future__ import annotations

from viewer.frames import JpegCache


def test_the_least_recently_used_go_first_and_a_new_picture_takes_the_place_of_the_old() -> None:
    cache = JpegCache(10)
    cache.put("a", b"1234")
    cache.put("b", b"1234")
    assert cache.get("a") == b"1234"
    cache.put("c", b"1234")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (b"1234", None, b"1234")
    cache.put("a", b"123456")
    assert (cache.get("a"), cache.get("c")) == (b"123456", b"1234")
    cache.clear()
    assert cache.get("a") is None


def test_a_picture_larger_than_the_cache_is_not_kept_and_drops_nothing_else() -> None:
    cache = JpegCache(10)
    cache.put("a", b"1234")
    cache.put("b", b"12345678901")
    assert (cache.get("a"), cache.get("b")) == (b"1234", None)
    cache.put("a", b"12345678901")
    assert cache.get("a") is None
