"""Episodes of another dataset in the next state: their rows, frames, statistics and words, under our names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset.episode_list import EpisodeInfo, file_problem
from robotdata.dataset.errors import DamagedFile, EditError
from robotdata.dataset.language import LANGUAGE_COLUMNS, empty_column
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import to_numpy
from robotdata.dataset.tasks import Numbers, is_one, row_numbers
from robotdata.dataset.write import episode_table
from robotdata.dataset.write.data_files import episode_tables
from robotdata.dataset.write.fit import Fit
from robotdata.dataset.write.video_files import Piece
from robotdata.numbers import count
from robotdata.video.index import PacketIndex, index_video


@dataclass(frozen=True, slots=True)
class BroughtRef:
    """An episode of another dataset, which becomes the episode `uuid` with the sidecar's entry `extra`."""

    dataset: DatasetFolder
    episode: EpisodeInfo
    fit: Fit
    uuid: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Number of its frames."""
        return self.episode.length

    @property
    def name(self) -> str:
        """The episode in messages."""
        return f"{self.episode.name} of {self.dataset.root.name}"


def row_texts(refs: Sequence[BroughtRef]) -> list[tuple[list[str], Numbers]]:
    """Return for each episode its tasks, and which of them each row has, int64 (length,).

    The rows decide, as everywhere. Raises EditError if rows cannot be read or have a task number without a text.
    """
    datasets = {id(ref.dataset): ref.dataset for ref in refs}
    numbers = {
        key: row_numbers(dataset, {ref.episode.index for ref in refs if ref.dataset is dataset})
        for key, dataset in datasets.items()
    }
    return [_texts_of(ref, *numbers[id(ref.dataset)]) for ref in refs]


def _texts_of(ref: BroughtRef, found: Mapping[int, Numbers], unread: Mapping[int, str]) -> tuple[list[str], Numbers]:
    index, tasks = ref.episode.index, ref.dataset.tasks
    if index not in found:
        raise EditError(f"{ref.name} cannot be copied: {unread[index]}. Bring that file back, or leave the episode out")
    values, first, codes = _distinct(found[index])
    if bad := [n for n in values.tolist() if not (0 <= n < len(tasks) and tasks[n])]:
        raise EditError(
            f"{ref.name} has rows with task number {bad[0]}, for which its meta/tasks.parquet has no text: give the "
            "episode a task there first"
        )
    order = np.argsort(first)  # in the order of their first rows
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    texts = [ref.fit.task(tasks[int(values[n])]) for n in order]
    return texts, place[codes.reshape(-1)]


def _distinct(numbers: Numbers) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the numbers that occur, where each does first, and which of them each row has."""
    if is_one(numbers):  # as nearly always; sorting all rows takes longer than reading them
        return numbers[:1], np.zeros(1, np.int64), np.zeros(len(numbers), np.int64)
    return np.unique(numbers, return_index=True, return_inverse=True)


def brought_tables(parts: Sequence[Any], schema: pa.Schema) -> Iterator[tuple[Any, pa.Table]]:
    """Yield each part with its rows in `schema` and with its new numbers. Each file is read once, piece by piece."""
    for path, group in groupby(parts, key=lambda part: part.source.episode.data_file):
        waiting = list(group)
        found: dict[int, list[pa.Table]] = {part.source.episode.index: [] for part in waiting}
        for table in episode_tables(path):
            if (own := found.get(int(table.column("episode_index")[0].as_py()))) is not None:
                own.append(table)
            while waiting and sum(map(len, found[waiting[0].source.episode.index])) >= waiting[0].length:
                part = waiting.pop(0)
                yield part, _fitted(part, pa.concat_tables(found.pop(part.source.episode.index)), schema)
        if waiting:
            raise EditError(f"{waiting[0].source.name}: {path} does not hold all of its {waiting[0].length} rows")


def _fitted(part: Any, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the rows under our names, in our order of joints, with their new numbers."""
    ref: BroughtRef = part.source
    if table.num_rows != part.length:
        raise EditError(f"{ref.name} has {count(table.num_rows, 'row')}, its table of episodes says {part.length}")
    numbers = {
        "episode_index": np.full(part.length, part.index, np.int64),
        "index": np.arange(part.length, dtype=np.int64) + part.first_row,
        "task_index": part.tasks,
    }
    arrays: list[Any] = []
    for column in schema:
        if column.name in numbers:
            arrays.append(pa.array(numbers[column.name], column.type))
            continue
        theirs = ref.fit.theirs(column.name)
        if column.name in LANGUAGE_COLUMNS and theirs not in table.column_names:
            arrays.append(empty_column(column.name, part.length, column.type))
            continue
        if theirs not in table.column_names:
            raise EditError(f"{ref.name} cannot be copied: {ref.episode.data_file} has no column {theirs}")
        values = table.column(theirs)
        if (order := ref.fit.order.get(column.name)) is not None:
            values = _reordered(values, order)
        arrays.append(values if values.type == column.type else values.combine_chunks().cast(column.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _reordered(column: Any, order: Sequence[int]) -> Any:
    """Return a column of lists with the values of each row in another order."""
    values = np.ascontiguousarray(to_numpy(column)[:, list(order)])
    flat = pa.array(values.reshape(-1), column.type.value_type)
    return pa.chunked_array([pa.FixedSizeListArray.from_arrays(flat, len(order))])


def brought_piece(part: Any, key: str, indexes: dict[Path, PacketIndex]) -> Piece:
    """Return the frames of an episode for our camera `key`. Raises EditError if its video is missing."""
    ref: BroughtRef = part.source
    span = ref.episode.videos.get(ref.fit.theirs(key))
    if span is None or (fault := file_problem(span.path)):
        why = ref.episode.problems[0] if span is None and ref.episode.problems else f"its video {fault}" if span else ""
        raise EditError(f"{ref.name}, camera {key}: {why or 'it has no video'}. Download or copy it there, then retry")
    if span.path not in indexes:
        indexes[span.path] = index_video(span.path)
    index = indexes[span.path]
    if span.first_frame + part.length > len(index):
        raise DamagedFile(
            span.path, f"it has {count(len(index), 'frame')}, {ref.name} ends at {span.first_frame + part.length}"
        )
    size = round(span.path.stat().st_size * part.length / max(1, len(index)))
    return Piece(span.path, span.first_frame, part.length, size, index)


def brought_rows(parts: Sequence[Any], schema: pa.Schema) -> list[pa.Table]:
    """Return the rows of the table of episodes, as their own tables have them, under our names."""
    tables = []
    for _, group in groupby(parts, key=lambda part: id(part.source.dataset)):
        members = list(group)
        ref: BroughtRef = members[0].source
        indices = [part.source.episode.index for part in members]
        theirs = ref.dataset.features
        table = episode_table.old_table(ref.dataset, episode_table.episode_schema(theirs)).take(pa.array(indices))
        if episode_table.missing_numeric(table, theirs):
            columns = episode_table.numeric_columns(ref.dataset, theirs, indices)
            table = episode_table.with_columns(table, columns)
        table = ref.fit.table(table, theirs)
        tables.append(episode_table.in_schema(table, schema))
    return tables
