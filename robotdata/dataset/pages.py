"""Read what the headers of pages claim, before Arrow reads the pages of a column.

Arrow allocates what the header of a page claims, and decodes as many list elements as it names, whatever the footer
says. So a file of 500 bytes can take gigabytes. Here the pages of a column are counted, without their content, as Arrow
goes through them; all pages together must hold as many values as the footer says. The format of headers is in
`parquet.thrift`; each is a struct in Thrift's compact protocol, as the footer is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from robotdata.dataset import footer
from robotdata.dataset.delta import count_of, end_of
from robotdata.dataset.footer import BadFooter
from robotdata.dataset.footer_patterns import DATA_PAGE, DICTIONARY_PAGE

DATA, DICTIONARY, DATA_V2 = 0, 2, 3
_DELTA_LENGTH, _DELTA_TEXT = 6, 7
_CODECS: dict[int, Any] = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
_INT, _STRUCT = 5, 12
_MOST_EMPTY = 16
"""Pages that may hold no value of the column, its dictionary included: whoever writes more wants to cost time."""
_SHORT, _LONG, _LONGEST = 1 << 12, 1 << 18, 1 << 24
"""Bytes that are read at once for headers: in a long chunk, in short ones of which many follow, and Arrow's most."""
_SHORT_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Column:
    """What the footer says about a column chunk. `levels`: the most repetition and definition levels of its values."""

    begin: int
    packed_bytes: int
    values: int
    codec: int
    is_text: bool
    levels: tuple[int, int]


@dataclass(slots=True)
class _Page:
    """The header of a page. `head_bytes`: levels of a page of version 2, which are not compressed."""

    kind: int
    unpacked_bytes: int
    packed_bytes: int
    values: int
    encoding: int
    head_bytes: int = 0
    is_compressed: bool = True


class PageReader:
    """Reads the headers of an open file's pages. One pass, in the order of the file, reads each part of it once."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self._size = source.size()
        self._data = b""
        self._begin = 0

    def unpacked_bytes(self, column: Column, most: int) -> int:
        """Return how many bytes the pages of a column claim to have when decompressed.

        Raises BadFooter if they contradict the footer, or if they claim more than `most`.
        """
        at, end = column.begin, column.begin + column.packed_bytes
        if end > self._size:
            raise BadFooter("a column ends behind the end of the file")
        values = unpacked = empty = 0
        while values < column.values:
            page, at = self._header(at, end, _LONG if column.packed_bytes < _SHORT_CHUNK else _SHORT)
            if min(page.unpacked_bytes, page.packed_bytes, page.values) < 0 or at + page.packed_bytes > end:
                raise BadFooter("a page is larger than its column")
            unpacked += page.unpacked_bytes
            if unpacked > most:
                raise BadFooter(f"its pages expand to {unpacked:,} bytes or more, which exceeds the limit")
            if page.kind == DICTIONARY and page.values > 8 * page.unpacked_bytes:
                raise BadFooter(f"a dictionary of {page.unpacked_bytes:,} bytes claims {page.values:,} values")
            here = page.values if page.kind in (DATA, DATA_V2) else 0
            values += here
            empty += here == 0
            if values > column.values or empty > _MOST_EMPTY:
                raise BadFooter("its pages claim other numbers of values than its footer")
            if here and column.is_text and column.levels[0] and page.encoding == _DELTA_TEXT:
                raise BadFooter("its lists hold texts that are stored as differences, whose size cannot be bounded")
            if here and column.is_text and page.encoding in (_DELTA_LENGTH, _DELTA_TEXT):
                self._check_delta(column, page, at)
            at += page.packed_bytes
        return unpacked

    def _header(self, at: int, end: int, length: int) -> tuple[_Page, int]:
        """Return the header of the page at `at`, and where its content begins."""
        while True:
            if 0 <= at - self._begin < len(self._data):
                try:
                    page, behind = _parse(self._data, at - self._begin)
                    return page, self._begin + behind
                except IndexError:
                    if self._begin == at and (len(self._data) >= length or at + len(self._data) >= self._size):
                        length = max(length, len(self._data)) * 8
            if at >= end or (self._begin == at and (at + len(self._data) >= self._size or length > _LONGEST)):
                raise BadFooter("a column ends before its last page")
            self._data, self._begin = self._source.read_at(length, at), at
            if not self._data:
                raise BadFooter("a column ends before its last page")

    def _check_delta(self, column: Column, page: _Page, at: int) -> None:
        """Check that a page of texts after their lengths holds no more lengths than it has values.

        Arrow makes room for as many lengths as these claim.
        """
        data = self._source.read_at(page.packed_bytes, at)
        head, data = data[: page.head_bytes], data[page.head_bytes :]
        if column.codec and page.is_compressed:
            codec = _CODECS.get(column.codec)
            if codec is None:
                raise BadFooter("its texts are compressed in a way that cannot be checked")
            try:
                data = pa.decompress(data, max(0, page.unpacked_bytes - len(head)), codec, asbytes=True)
            except (pa.ArrowException, OSError, ValueError) as error:
                raise BadFooter("a page cannot be decompressed") from error
        place = 0
        if page.kind == DATA:
            for level in column.levels:
                place += 4 + int.from_bytes(data[place : place + 4], "little") if level else 0
        try:
            counts = [count_of(data, place)]
            if page.encoding == _DELTA_TEXT:
                counts.append(count_of(data, end_of(data, place, page.values)))
        except IndexError as error:
            raise BadFooter("a page ends before its texts") from error
        if max(counts) > page.values:
            raise BadFooter(f"a page of {page.values:,} values claims {max(counts):,} texts")


def _parse(data: bytes, at: int) -> tuple[_Page, int]:
    """Return the header that begins at `at` and where it ends. Raises BadFooter; IndexError if `data` ends in it."""
    for kind, usual in ((DATA, DATA_PAGE), (DICTIONARY, DICTIONARY_PAGE)):
        if found := usual.match(data, at):
            unpacked, packed, values, encoding = [_number(footer.integer(coded, 0)[0]) for coded in found.groups()]
            return _Page(kind, unpacked, packed, values, encoding), found.end()
    fields, end = _fields(data, at, {1: _INT, 2: _INT, 3: _INT, 5: _STRUCT, 7: _STRUCT, 8: _STRUCT}, 0)
    if end > len(data):
        raise IndexError
    kind, unpacked, packed = (fields.get(n, -1) for n in (1, 2, 3))
    place = {DATA: 5, DICTIONARY: 7, DATA_V2: 8}.get(kind)
    if place is None:
        return _Page(kind, unpacked, packed, 0, 0), end
    if place not in fields:
        raise BadFooter("a page has no header of its kind")
    kinds: dict[int, int] = {1: _INT, 2: _INT}
    if kind == DATA_V2:
        kinds = {1: _INT, 4: _INT, 5: _INT, 6: _INT, 7: 0}
    own, _ = _fields(data, fields[place], kinds, 1)
    levels = own.get(5, 0) + own.get(6, 0) if kind == DATA_V2 else 0
    if not 0 <= levels <= max(0, packed):
        raise BadFooter("the levels of a page are larger than the page")
    encoding = own.get(4 if kind == DATA_V2 else 2, -1)
    return _Page(kind, unpacked, packed, own.get(1, -1), encoding, levels, own.get(7) != footer.FALSE), end


def _fields(data: bytes, at: int, wanted: dict[int, int], depth: int) -> tuple[dict[int, int], int]:
    """Return the numbers of a struct's `wanted` fields (number: kind; 0 is a bool), and where it ends.

    Of a struct it is the place. A field that comes twice, or is of another kind, is refused: Arrow might keep another.
    """
    found: dict[int, int] = {}
    number = 0
    while head := data[at]:
        number, at = footer.field(data, at, head, number)
        kind = head & 15
        if number not in wanted:
            at = footer.skip(data, at, kind, depth)
            continue
        if number in found or kind not in ((wanted[number],) if wanted[number] else (footer.TRUE, footer.FALSE)):
            raise BadFooter("a page's header has a field twice, or of another kind")
        if kind == _INT:
            value, at = footer.integer(data, at)
            found[number] = _number(value)
        else:
            found[number] = at if kind == _STRUCT else kind
            at = footer.skip(data, at, kind, depth)
    return found, at + 1


def _number(value: int) -> int:
    """Return a number of a header. Raises BadFooter if it has more than 32 bits, of which Arrow drops the others."""
    if not -(1 << 31) <= value < 1 << 31:
        raise BadFooter("a page's header has a number of more than 32 bits")
    return value
