"""The parts of a Parquet footer, and headers of pages, as nearly every file has them, as regular expressions.

A footer of 5,000 row groups has a million bytes. Going through them byte by byte takes seconds, an expression that goes
through a whole column at once takes a tenth of that. Whatever these do not match, `footer` reads step by step. Each
expression follows the grammar of Thrift's compact protocol, so a match is what reading step by step would find; and
each repetition is possessive, so that no footer, however it is made up, makes an expression try again and again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_MAX_TEXT = 40
"""Longest usual text, in bytes: a name of a column, or the least value of one."""
_MAX_LIST, _FEW = 14, 4
"""Longest list whose head is one byte; longest usual list of texts or structs, of which each more makes the expressions
longer: they are compiled at each start."""
_MAX_FIELDS = 100
"""Most usual fields of a struct: with thousands, their numbers would not fit into 16 bits, which `footer` refuses."""
_NUMBERS, _BOOLS, _TEXT, _LIST, _STRUCT = (4, 5, 6), (1, 2), (8,), (9,), (12,)

_NUMBER = rb"[\x80-\xff]{0,8}+[\x00-\x7f]"


def _one_of(bytes_: Iterable[int]) -> bytes:
    return b"[" + b"".join(rb"\x%02x" % each for each in bytes_) + b"]"


def _heads(kinds: Iterable[int]) -> bytes:
    """Return what matches the head of a field of one of these kinds; its number is higher than the one before."""
    return _one_of(step << 4 | kind for step in range(1, 16) for kind in kinds)


def _sized(value: bytes, kinds: Iterable[int], most: int = _MAX_LIST) -> bytes:
    """Return what matches a list of at most `most` values of these kinds, with its head."""
    lists = (_one_of(size << 4 | kind for kind in kinds) + b"(?:%b){%d}+" % (value, size) for size in range(most + 1))
    return b"(?>" + b"|".join(lists) + b")"


_TEXTS = b"(?>" + b"|".join(rb"\x%02x.{%d}" % (size, size) for size in range(_MAX_TEXT + 1)) + b")"
_NUMBER_LIST, _TEXT_LIST = _sized(_NUMBER, _NUMBERS), _sized(_TEXTS, _TEXT)
_SIMPLE = b"|".join(
    (
        _heads(_NUMBERS) + _NUMBER,
        _heads(_TEXT) + _TEXTS,
        _heads(_BOOLS),
        _heads(_LIST) + b"(?>%b|%b)" % (_NUMBER_LIST, _sized(_TEXTS, _TEXT, _FEW)),
    )
)
_FLAT = rb"(?:%b){0,%d}+\x00" % (_SIMPLE, _MAX_FIELDS)
_ANY = b"%b|%b%b|%b%b" % (_SIMPLE, _heads(_STRUCT), _FLAT, _heads(_LIST), _sized(_FLAT, _STRUCT, _FEW))
_REST = rb"(?:%b){0,%d}+\x00" % (_ANY, _MAX_FIELDS)

COLUMN = re.compile(
    # ColumnChunk: 2 offset, 3 metadata; there: 1 type, 2 encodings, 3 path, 4 codec, 5 values, 6 uncompressed bytes,
    # 7 compressed bytes, 9 offset of the first data page, 11 of the dictionary
    rb"\x26%(number)b\x1c\x15%(number)b\x19%(numbers)b\x19%(texts)b\x15(%(number)b)"
    rb"\x16(%(number)b)\x16(%(number)b)\x16(%(number)b)\x26(%(number)b)(?:\x26(%(number)b))?+%(rest)b%(rest)b"
    % {b"number": _NUMBER, b"numbers": _NUMBER_LIST, b"texts": _TEXT_LIST, b"rest": _REST},
    re.DOTALL,
)
"""A ColumnChunk. Groups, all zigzag-encoded integers: its codec, its number of values, its bytes when decompressed and
in the file, where its first data page begins, and where its dictionary does, if it has one."""

DATA_PAGE = re.compile(
    # PageHeader: 1 type (0), 2 uncompressed bytes, 3 compressed bytes, 4 checksum, 5 DataPageHeader; there: 1 values,
    # 2 encoding, 3 and 4 encodings of levels, 5 statistics
    rb"\x15\x00\x15(%(number)b)\x15(%(number)b)(?>\x15%(number)b\x1c|\x2c)"
    rb"\x15(%(number)b)\x15(%(number)b)\x15%(number)b\x15%(number)b(?:\x1c%(flat)b)?+\x00\x00"
    % {b"number": _NUMBER, b"flat": _FLAT},
    re.DOTALL,
)
"""The header of a data page. Groups: its bytes when decompressed and in the file, its values, its encoding."""

DICTIONARY_PAGE = re.compile(
    rb"\x15\x04\x15(%(number)b)\x15(%(number)b)(?>\x15%(number)b\x3c|\x4c)"
    rb"\x15(%(number)b)\x15(%(number)b)[\x11\x12]?+\x00\x00" % {b"number": _NUMBER},
    re.DOTALL,
)
"""The header of a dictionary. Groups as of a data page."""

REST_OF_GROUP = re.compile(_REST, re.DOTALL)
"""What follows the columns in a RowGroup."""
