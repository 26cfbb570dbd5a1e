"""Rows as Arrow tables and Parquet files, as LeRobot and the `datasets` library expect them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from robotdata.dataset.bounds import RowBudget, read_bounded
from robotdata.dataset.errors import DamagedFile, FeatureError, UnsafePath
from robotdata.dataset.features import TEXT_DTYPES, Feature, is_image, is_video, size_of
from robotdata.dataset.footer import read_footer, remember
from robotdata.dataset.language import LANGUAGE_COLUMNS, column_type
from robotdata.dataset.layout import contained
from robotdata.files import open_real

LFS = b"version https://git-lfs"
_NEVER_REPEATED = frozenset({"index", "frame_index", "timestamp"})
"""Columns of which each row of an episode has another value: a dictionary of them costs time and bytes."""
_WRITE_BYTES = 1 << 18
"""Bytes that are collected before they are written to a file."""
_IMAGE: Any = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_TASKS_PANDAS = {
    "index_columns": ["task"],
    "column_indexes": [],
    "columns": [
        {
            "name": "task_index",
            "field_name": "task_index",
            "pandas_type": "int64",
            "numpy_type": "int64",
            "metadata": None,
        },
        {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object", "metadata": None},
    ],
    "pandas_version": "2.2.3",
}


def data_schema(features: Mapping[str, Feature], *, images: bool = False) -> pa.Schema:
    """Return the schema of the data files for completed `features`, with the metadata of the `datasets` library.

    Raises FeatureError for images in Parquet unless `images`, because recorded episodes are written with video only.
    """
    fields: list[Any] = []
    described: dict[str, Any] = {}
    for key, feature in features.items():
        if is_video(feature):
            continue
        kind, description = (_IMAGE, {"_type": "Image"}) if images and is_image(feature) else _column_type(key, feature)
        fields.append(pa.field(key, kind))
        described[key] = description
    return pa.schema(fields, metadata={b"huggingface": json.dumps({"info": {"features": described}}).encode()})


def data_table(schema: pa.Schema, columns: Mapping[str, Any]) -> pa.Table:
    """Return a table of `schema` from arrays (n,), (n, d) or, for nested lists, (n, ...); text as lists of str."""
    arrays: list[Any] = []
    for field in schema:
        values = columns[field.name]
        if pa.types.is_fixed_size_list(field.type):
            flat = np.ascontiguousarray(values).reshape(-1)
            numbers = pa.array(flat, field.type.value_type)
            arrays.append(pa.FixedSizeListArray.from_arrays(numbers, field.type.list_size).cast(field.type))
        elif isinstance(values, pa.Array):
            arrays.append(values)
        elif pa.types.is_list(field.type):
            arrays.append(pa.array(np.asarray(values).tolist(), field.type))
        elif pa.types.is_string(field.type) or pa.types.is_struct(field.type):
            arrays.append(pa.array(list(values), field.type))
        else:
            arrays.append(pa.array(np.asarray(values).reshape(-1), field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


class ParquetFile:
    """A new Parquet file, one row group per table: snappy, with a checksum for every page. Use it in a `with` block.

    It is durable when the block ends. Raises FileExistsError if the file exists, because a hard link must not be
    written to.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("xb")
        # Arrow's own stream on the same file: a row group is a hundred small writes, and each would call Python.
        with ExitStack() as opened:
            opened.enter_context(self._file)
            file = pa.OSFile(f"/dev/fd/{self._file.fileno()}", "wb")
            self._stream = opened.enter_context(pa.BufferedOutputStream(file, _WRITE_BYTES))
            self._writer = pq.ParquetWriter(
                self._stream,
                schema,
                compression="snappy",
                use_dictionary=_repeated(schema),
                version="2.6",
                write_page_checksum=True,
            )
            opened.pop_all()

    @property
    def size_bytes(self) -> int:
        """Bytes written so far, without the footer."""
        return int(self._stream.tell())

    def write(self, table: pa.Table) -> None:
        """Write a table as one row group."""
        with _as_the_system_says(self.path):
            self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def __enter__(self) -> ParquetFile:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            with _as_the_system_says(self.path):
                try:
                    self._writer.close()
                finally:  # otherwise the file stays open as long as anybody keeps the error
                    self._stream.close()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()


def _repeated(schema: pa.Schema) -> Any:
    """Return the columns that are written with a dictionary, as a list of paths of the Parquet file; True for all."""
    if _NEVER_REPEATED.isdisjoint(schema.names):
        return True
    file = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), file)
    columns = pq.read_metadata(pa.BufferReader(file.getvalue())).schema
    paths = [columns.column(n).path for n in range(len(columns))]
    return [path for path in paths if path not in _NEVER_REPEATED]


@contextmanager
def _as_the_system_says(path: Path) -> Iterator[None]:
    """Raise an error of the system in its own words and with the file's name, without Arrow's words around it."""
    try:
        yield
    except OSError as error:
        if not error.errno:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


def write_tasks(
    path: Path, tasks: Sequence[str], more: pa.Table | None = None, numbers: Sequence[int] | None = None
) -> None:
    """Write `tasks.parquet`. Row i is task i, or `numbers[i]`; `more` holds further columns with as many rows.

    LeRobot finds the text by position in a pandas index, hence the pandas metadata.
    """
    table = pa.table(
        {
            "task_index": pa.array(range(len(tasks)) if numbers is None else numbers, pa.int64()),
            "task": pa.array(list(tasks), pa.string()),
            **({name: more.column(name) for name in more.column_names} if more is not None else {}),
        }
    ).replace_schema_metadata({b"pandas": json.dumps(_TASKS_PANDAS).encode()})
    with ParquetFile(path, table.schema) as file:
        file.write(table)


def more_of_tasks(path: Path, numbers: Sequence[int | None], *, root: Path | None = None) -> pa.Table | None:
    """Return the additional columns of `tasks.parquet`, one row for each of `numbers`; nulls for None.

    Return None if there are no additional columns. Raises DamagedFile.
    """
    table = read_table(path, root=root)
    texts = [field.name for field in table.schema if _is_text(field.type)]
    text = next((name for name in ("task", "__index_level_0__", "index", *texts) if name in texts), "")
    own_columns = {"task_index", text}
    names = [name for name in table.column_names if name not in own_columns]
    if not names:
        return None
    has_numbers = "task_index" in table.column_names
    stored = to_numpy(table.column("task_index")).tolist() if has_numbers else range(len(table))
    row_of = {int(number): row for row, number in enumerate(stored)}
    rows = [row_of.get(number) if number is not None else None for number in numbers]
    return table.select(names).take(pa.array(rows, pa.int64()))


def read_tasks(path: Path) -> dict[int, str]:
    """Return the task texts by number, from any variant of `tasks.parquet`. The text column may have any name.

    Raises DamagedFile if there is no numeric column or no text column.
    """
    with open_parquet(path) as file:
        RowBudget(None, least=2).add(path, file.metadata.num_rows, path.stat().st_size)
        table = read_columns(file, path, None)
    names = [field.name for field in table.schema if _is_text(field.type)]
    preferred = [name for name in ("task", "__index_level_0__", "index") if name in names]
    text = (preferred or names or [None])[0]
    if text is None:
        raise DamagedFile(path, f"no text column among {table.column_names}")
    texts = [
        value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for value in to_list(table.column(text), path)
    ]
    numbers = to_numpy(table.column("task_index")) if "task_index" in table.column_names else np.arange(len(texts))
    if not is_numbers(numbers) or not np.isfinite(numbers).all():
        raise DamagedFile(path, "its task_index is not numeric")
    return {int(number): str(words) for number, words in zip(numbers, texts, strict=True)}


def open_parquet(path: Path, *, root: Path | None = None) -> pq.ParquetFile:
    """Open a Parquet file and read its footer. Raises DamagedFile.

    With `root`, `path` belongs to that dataset, and its links may not lead out of it. Without, `path` was resolved by
    `contained`, and a link that has replaced it since is refused.
    """
    try:
        fd = open_real(path if root is None else contained(root, str(path.relative_to(root))))
        try:
            if os.pread(fd, len(LFS), 0) == LFS:
                raise DamagedFile(path, "it is a Git LFS pointer, not the file; run `git lfs pull`")
            footer = read_footer(fd)
            source = pa.OSFile(f"/dev/fd/{fd}", "rb")  # the file that was checked, even if the path now leads elsewhere
        finally:
            os.close(fd)
        file = pq.ParquetFile(source, page_checksum_verification=True)
        remember(file, footer, source)
        return file
    except (pa.ArrowException, UnsafePath, OSError, ValueError) as error:  # ValueError: names that are not text
        raise DamagedFile(path, _first_line(error)) from error


def read_table(path: Path, columns: Sequence[str] | None = None, *, root: Path | None = None) -> pa.Table:
    """Read all rows of `columns`. Page checksums are verified if present. Raises DamagedFile.

    `root` as in `open_parquet`.
    """
    with open_parquet(path, root=root) as file:
        return read_columns(file, path, columns)


def read_columns(
    file: pq.ParquetFile, path: Path, columns: Sequence[str] | None, groups: Iterable[int] | None = None
) -> pa.Table:
    """Read `columns` of the row groups `groups` (default: all) of an open file. Raises DamagedFile."""
    selected = range(file.num_row_groups) if groups is None else groups
    try:
        existing = dict.fromkeys(file.schema_arrow.names)
        if len(existing) != len(file.schema_arrow.names):
            twice = next(name for name in existing if file.schema_arrow.names.count(name) > 1)
            raise DamagedFile(path, f"two of its columns are named {twice!r}")
        names = list(existing) if columns is None else [column for column in columns if column in existing]
        return read_bounded(file, path, names, selected)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamagedFile(path, _first_line(error)) from error


def to_numpy(column: Any) -> NDArray[Any]:
    """Return a column as (rows,), or (rows, n) for lists of one length; text and other types as object (rows,)."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_fixed_size_list(array.type) or pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        return _lists(array)
    if pa.types.is_boolean(array.type):
        return np.asarray(array.to_numpy(zero_copy_only=False), bool)
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        return np.asarray(array.to_numpy(zero_copy_only=False))
    return np.array(array.to_pylist(), dtype=object)


def is_numbers(values: NDArray[Any]) -> bool:
    """Return whether a column has one number per row."""
    return values.ndim == 1 and values.dtype.kind in "iuf"


def _lists(array: Any) -> NDArray[Any]:
    rows = len(array)
    flat = array.flatten()
    inner = to_numpy(flat)
    if not rows or array.null_count or len(inner) % rows:
        return np.array([*array.to_pylist(), None], dtype=object)[:-1]
    if pa.types.is_fixed_size_list(array.type) or _are_equal(np.diff(array.offsets.to_numpy())):
        return inner.reshape(rows, -1)
    return np.array([*array.to_pylist(), None], dtype=object)[:-1]


def _are_equal(numbers: NDArray[Any]) -> bool:
    return bool((numbers == numbers[0]).all())


def _column_type(key: str, feature: Feature) -> tuple[pa.DataType, dict[str, Any]]:
    dtype = feature["dtype"]
    if dtype == "string":
        return pa.string(), {"dtype": "string", "_type": "Value"}
    if dtype == "language" and key in LANGUAGE_COLUMNS:
        return column_type(key)
    if dtype == "image" or dtype in TEXT_DTYPES:
        raise FeatureError(f"feature {key!r} is of dtype {dtype!r}, which new episodes cannot have; record video")
    kind = pa.bool_() if dtype == "bool" else pa.from_numpy_dtype(np.dtype(dtype))
    value = {"dtype": dtype, "_type": "Value"}
    if (rank := len(feature["shape"])) > 1:
        if rank > 5:
            raise FeatureError(f"feature {key!r} has shape {feature['shape']}; LeRobot reads up to five sides")
        for _ in feature["shape"]:
            kind = pa.list_(pa.field("item", kind))
        return kind, {"shape": list(feature["shape"]), "dtype": dtype, "_type": f"Array{rank}D"}
    if size_of(feature) == 1:
        return kind, value
    count = size_of(feature)
    return pa.list_(pa.field("element", kind), count), {"feature": value, "length": count, "_type": "List"}


def to_list(column: Any, path: Path) -> list[Any]:
    """Return a column as Python objects. Raises DamagedFile for text that is not UTF-8, which Arrow does not check."""
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError as error:
        raise DamagedFile(path, f"it holds text that is not UTF-8 ({error.object[:40]!r})") from error


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind))


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__
