"""Read a CSV file as streams: columns of one group, such as action_0 and action_1, are one stream."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.imports.errors import BadSource
from robotdata.imports.plan import MOST_ROWS
from robotdata.imports.rows import read_times
from robotdata.imports.stopping import check_stop
from robotdata.imports.streams import MOST_VALUES, Kind, Stream
from robotdata.numbers import count as count_of

_TIME_NAMES = re.compile(r"(time|timestamp|times|t)([ _.\[(]*(s|sec|seconds|ms|us|ns)[\])]*)?", re.I)
_FACTORS = {"ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_GROUPED = re.compile(r"(.+?)(?:[ _.\-/]?\[?(\d+)\]?|[./](.+))")
_MOST_CELL = 10_000
_MOST_NAME = 200
_MOST_DIGITS = 30
_MOST_LINE = 1 << 22


@dataclass(slots=True)
class Group:
    """Columns that are one stream: their places in a row, and their names. `text`: they hold no numbers."""

    name: str
    places: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    text: bool = False


class CsvTable:
    """A CSV file with a line of names. Its rows are read one by one. Raises BadSource if it is none.

    `times_ns` are the times of the rows, (rows,), or None if no column has a name such as `timestamp` or `time_s`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._delimiter = self._find_delimiter()
        self.header = self._read_header()
        self.rows, texts = self._scan()
        time_at = next((n for n, name in enumerate(self.header) if _TIME_NAMES.fullmatch(name.strip())), None)
        self.times_ns: NDArray[np.int64] | None = None
        if time_at is not None and self.rows:
            self.times_ns = self._times(time_at, is_text=time_at in texts)
        self.groups = _groups(self.header, texts, left_out=time_at)

    def streams(self) -> list[Stream]:
        """Return one stream for each group of columns."""
        return [
            Stream(
                f"/{group.name}",
                Kind.TEXT if group.text else Kind.NUMBERS,
                (len(group.places),),
                "text" if group.text else "float64",
                self.rows,
                names=tuple(group.names),
                problem="" if self.rows else "it is empty",
            )
            for group in self.groups
        ]

    def values(self, paths: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield for each row the values of these streams, by path."""
        groups = [group for group in self.groups if f"/{group.name}" in paths]
        for row in self._cells():
            yield {f"/{group.name}": _value(row, group) for group in groups}

    def _times(self, place: int, *, is_text: bool) -> NDArray[np.int64]:
        name = self.header[place]
        if is_text:
            raise BadSource(self.path, f"has times in the column {name} that are not numbers: write them in seconds")
        match = _TIME_NAMES.fullmatch(name.strip())
        factor = _FACTORS.get((match[3] or "").lower(), 1.0) if match else 1.0
        cells = (row[place] for row in self._cells())
        if factor == 1.0:
            return read_times(self.path, f"the column {name}", map(_time, cells))
        return read_times(self.path, f"the column {name}", (float(cell or "nan") * factor for cell in cells))

    def _find_delimiter(self) -> str:
        first = next(iter(self._lines()), "")
        return max(",;\t", key=first.count)

    def _lines(self) -> Iterator[str]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                for number in count(1):
                    line = file.readline(_MOST_LINE)
                    if len(line) == _MOST_LINE:
                        raise BadSource(self.path, f"has more than {_MOST_LINE:,} characters in line {number}")
                    if not line:
                        return
                    yield line
        except (OSError, UnicodeDecodeError) as error:
            raise BadSource(self.path, f"cannot be read as text: {error}") from error

    def _cells(self) -> Iterator[list[str]]:
        return islice(self._raw_rows(), 1, None)

    def _raw_rows(self) -> Iterator[list[str]]:
        width = 0
        try:
            for number, row in enumerate(csv.reader(self._lines(), delimiter=self._delimiter, strict=True)):
                if not row:
                    continue
                check_stop()
                width = width or len(row)
                if len(row) != width:
                    raise BadSource(
                        self.path,
                        f"has {count_of(len(row), 'value')} in line {number + 1}, but {count_of(width, 'name')}",
                    )
                yield row
        except csv.Error as error:
            raise BadSource(self.path, f"is not a CSV file: {error}") from error

    def _read_header(self) -> list[str]:
        header = [name.strip() for name in next(self._raw_rows(), [])]
        if any(len(name) > _MOST_NAME for name in header):
            raise BadSource(self.path, f"has a column in line 1 whose name is longer than {_MOST_NAME} characters")
        if not header or len(header) > MOST_VALUES or not all(header) or len(set(header)) != len(header):
            raise BadSource(self.path, f"needs a name of its own for each of 1 to {MOST_VALUES:,} columns in line 1")
        if all(_is_number(name) for name in header):
            raise BadSource(self.path, "has numbers in its first line: name the columns there")
        return header

    def _scan(self) -> tuple[int, set[int]]:
        """Return the number of rows, and the places of the columns with values that are not numbers."""
        rows, texts = 0, set[int]()
        for row in self._cells():
            rows += 1
            if rows > MOST_ROWS:
                raise BadSource(self.path, f"has more than {MOST_ROWS:,} rows: cut it into several files")
            for place, cell in enumerate(row):
                if place not in texts and cell and not _is_number(cell):
                    texts.add(place)
                if len(cell) > _MOST_CELL:
                    raise BadSource(self.path, f"has a value of {len(cell):,} characters in row {rows}")
        return rows, texts


def _groups(header: Sequence[str], texts: set[int], left_out: int | None) -> list[Group]:
    stems: dict[str, Group] = {}
    for place, name in enumerate(header):
        if place == left_out:
            continue
        match = None if place in texts else _GROUPED.fullmatch(name)
        group = stems.setdefault(match[1].rstrip("_.-/ ") if match else name, Group(""))
        group.places.append(place)
        group.names.append(name)
        group.text = group.text or place in texts
    for stem, group in stems.items():
        group.name = (stem if len(group.places) > 1 else group.names[0]).replace("/", ".")
    return list(stems.values())


def _value(row: Sequence[str], group: Group) -> Any:
    if group.text:
        return row[group.places[0]]
    return np.array([float(row[place]) if row[place] else float("nan") for place in group.places])


def _time(cell: str) -> float | int:
    return int(cell) if len(cell) <= _MOST_DIGITS and cell.strip().isdecimal() else float(cell or "nan")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
