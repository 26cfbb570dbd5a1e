"""Go through numbers that Parquet stores as differences, as far as to know how many they are and where they end."""

from __future__ import annotations

from robotdata.dataset.footer import BadFooter, varint

_LEAST_BLOCK = 8


def count_of(data: bytes, at: int) -> int:
    """Return how many numbers begin at `at`. Raises IndexError, BadFooter."""
    return _head(data, at)[2]


def end_of(data: bytes, at: int, most: int) -> int:
    """Return where the numbers end that begin at `at`. Raises IndexError, BadFooter also for more than `most`."""
    size, parts, count, at = _head(data, at)
    if count > most:
        raise BadFooter(f"a page of {most:,} values claims {count:,} texts")
    if not parts or size // parts < _LEAST_BLOCK:
        raise BadFooter("a page stores differences in blocks of an odd size")
    each = size // parts
    left = count - 1
    while left > 0:
        at = varint(data, at)[1]
        widths = data[at : at + parts]
        at += parts
        for width in widths:
            if left <= 0:
                break
            at += width * each // 8
            left -= each
        if at > len(data):
            raise IndexError
    return at


def _head(data: bytes, at: int) -> tuple[int, int, int, int]:
    """Return (values of a block, parts of a block, number of values, where the blocks begin)."""
    size, at = varint(data, at)
    parts, at = varint(data, at)
    count, at = varint(data, at)
    at = varint(data, at)[1]  # the first value
    return size, parts, count, at
