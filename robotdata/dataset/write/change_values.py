"""The values of added features: constants, parts of other columns, and what people said of an episode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset.errors import EditError
from robotdata.dataset.features import Feature
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import data_schema, to_numpy
from robotdata.dataset.write.feature_change import Added, FromColumn, FromLabels, Scalar

_LISTED = 5


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """How many episodes get each value from their labels, and the numbers of those that have none or several."""

    values: Mapping[Scalar, int]
    without: list[int] = field(default_factory=list)
    ambiguous: list[int] = field(default_factory=list)


def label_values(base: DatasetFolder, source: FromLabels) -> tuple[dict[int, Scalar], LabelCounts]:
    """Return the value of each episode, and what was counted. Episodes without a value are left out."""
    chosen: dict[int, Scalar] = {}
    without, ambiguous = [], []
    for episode in base.episodes:
        labels = episode.extra.get("labels")
        have = [label for label in source.values if isinstance(labels, list) and label in labels]
        values = list(dict.fromkeys(source.values[label] for label in have))
        if len(values) > 1:
            ambiguous.append(episode.index)
        elif values:
            chosen[episode.index] = values[0]
        else:
            without.append(episode.index)
            if source.default is not None:
                chosen[episode.index] = source.default
    got = Counter(chosen.values())
    known = dict.fromkeys([*source.values.values(), *got])
    return chosen, LabelCounts({value: got[value] for value in known}, without, ambiguous)


def check_labels(base: DatasetFolder, added: Added, source: FromLabels) -> dict[int, Scalar]:
    """Return the value of each episode. Raises EditError if an episode has none or several."""
    chosen, counts = label_values(base, source)
    listed = ", ".join(source.values)
    if counts.ambiguous:
        raise EditError(
            f"{added.name}: {_counted(counts.ambiguous)} several of the labels {listed}, which say different "
            "things: remove one of them there"
        )
    if counts.without and source.default is None:
        raise EditError(
            f"{added.name}: {_counted(counts.without)} none of the labels {listed}: label them, or give a value "
            "for those without"
        )
    return chosen


class AddedValues:
    """Makes the columns of added features, for rows that are read in their order."""

    def __init__(self, base: DatasetFolder, added: list[Added], features: Mapping[str, Feature]) -> None:
        self._base = base
        self._added = added
        self._features = features
        self._labels = {
            each.name: check_labels(base, each, each.source) for each in added if isinstance(each.source, FromLabels)
        }
        self.fields = {each.name: data_schema({each.name: features[each.name]}).field(0) for each in added}

    def columns(self, table: pa.Table, episode: int, first: int) -> dict[str, Any]:
        """Return the new columns for `table`, rows of one episode from its row `first` on. Raises EditError."""
        if self._added and not 0 <= episode < len(self._base.episodes):
            raise EditError(
                f"{self._base.root.name} has rows of an episode {episode} that meta/episodes does not list: repair it "
                "first (`robotdata repair`)"
            )
        return {each.name: self._column(each, table, episode, first) for each in self._added}

    def _column(self, added: Added, table: pa.Table, episode: int, first: int) -> Any:
        kind = self.fields[added.name].type
        source, count = added.source, table.num_rows
        try:
            if isinstance(source, FromColumn):
                return _copied(added, source, table, kind, size=self._features[added.name]["shape"][0])
            if isinstance(source, FromLabels):
                value = self._labels[added.name][episode]
                values: list[Any] = [value] * count
                if source.at == "last":
                    last = self._base.episodes[episode].length - 1 - first
                    values = [value if row == last else type(value)() for row in range(count)]
                return pa.array(values).cast(kind)
            row = np.array(source.values, object if isinstance(source.values[0], str) else None)
            repeated = np.broadcast_to(row, (count, len(row)))
            return _in_kind(repeated, kind, len(row))
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            dtype = self._features[added.name]["dtype"]
            raise EditError(f"{added.name}: the values cannot be written as {dtype}: {error}") from error


def _copied(added: Added, source: FromColumn, table: pa.Table, kind: pa.DataType, *, size: int) -> Any:
    """Return a column, or a part of it, in the type of the new one. Raises EditError."""
    if source.key not in table.column_names:
        raise EditError(f"{added.name}: the data files have no column {source.key}")
    column = table.column(source.key).combine_chunks()
    if column.null_count:
        raise EditError(f"{added.name}: {source.key} has rows without a value, which cannot be copied")
    if pa.types.is_string(kind) or pa.types.is_list(kind):  # lists of lists
        return column.cast(kind)
    values = to_numpy(column)
    if values.dtype.kind not in "iufb":
        raise EditError(f"{added.name}: the rows of {source.key} have different lengths, or are not numbers")
    return _in_kind(values if source.part is None else values[:, slice(*source.part)], kind, size)


def _in_kind(values: NDArray[Any], kind: pa.DataType, size: int) -> Any:
    flat = np.ascontiguousarray(values).reshape(-1)
    if pa.types.is_fixed_size_list(kind):
        numbers = pa.array(flat).cast(kind.value_type)
        return pa.FixedSizeListArray.from_arrays(numbers, size).cast(kind)
    return pa.array(flat).cast(kind)


def _counted(numbers: list[int]) -> str:
    """Return `2 episodes (0, 4) have`."""
    more = f" and {len(numbers) - _LISTED} more" if len(numbers) > _LISTED else ""
    verb = "episode has" if len(numbers) == 1 else "episodes have"
    word, _, verb = verb.partition(" ")
    return f"{len(numbers)} {word} ({', '.join(map(str, numbers[:_LISTED]))}{more}) {verb}"
