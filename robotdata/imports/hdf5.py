"""Read HDF5 files: those of ALOHA (one file is one recording), of robomimic (`data/demo_*`), and others like them.

Nothing outside the file is read: links to other files, virtual datasets and external storage are left out, and said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robotdata.files.plain_json import read_json
from robotdata.imports.errors import BadSource
from robotdata.imports.extras import need
from robotdata.imports.rows import BLOCK_BYTES, Column, RowsRecording, compressed_stream, read_times, times_column
from robotdata.imports.stopping import check_stop
from robotdata.imports.streams import MOST_RECORDINGS, MOST_STREAMS, Kind, Stream, describe_array, plain

_MOST_DEPTH = 12
_MOST_GROUPS = 2_000
_MOST_OBJECTS = 1_000_000
_MOST_PIECE_BYTES = 1 << 29
_MOST_PACKET_BYTES = 64 << 20
_ALOHA_FPS = 50.0
_DEMO = re.compile(r"demo_(\d+)")


class Hdf5Source:
    """An open HDF5 file. Raises MissingPackage, and BadSource if it is damaged."""

    format = "HDF5"

    def __init__(self, path: Path) -> None:
        self._h5py = need("h5py", "HDF5 files")
        self.path = path
        self._met = 0
        try:
            self._file = self._h5py.File(path, "r", locking=False)
        except (OSError, RuntimeError, ValueError) as error:
            raise BadSource(path, f"cannot be read as HDF5: {error}") from error

    def recordings(self) -> Sequence[RowsRecording]:
        """Return one recording for each demonstration in `data`, or one of the whole file. Raises BadSource."""
        try:
            demos = self._demos()
            if demos:
                fps = _control_rate(self._file["data"])
                return [self._recording(name, self._file[f"data/{name}"], fps) for name in demos]
            return [self._recording(self.path.stem, self._file, _attribute(self._file, "fps"))]
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            raise BadSource(self.path, f"is damaged: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Hdf5Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _demos(self) -> list[str]:
        link = self._file.get("data", getlink=True)
        if not isinstance(link, self._h5py.HardLink) or not isinstance(self._file["data"], self._h5py.Group):
            return []
        group = self._file["data"]
        names = [name for name in group if _DEMO.fullmatch(name) and _is_hard(self._h5py, group, name)]
        if len(names) > MOST_RECORDINGS:
            raise BadSource(self.path, f"has {len(names):,} demonstrations, more than {MOST_RECORDINGS:,}")
        return sorted((name for name in names if isinstance(group[name], self._h5py.Group)), key=_number)

    def _recording(self, name: str, group: Any, fps: float) -> RowsRecording:
        columns: dict[str, Column] = {}
        base = group.name.rstrip("/")
        for column in self._columns(group, base, 0, set()):
            if len(columns) == MOST_STREAMS:
                raise BadSource(self.path, f"has more than {MOST_STREAMS:,} datasets in {group.name}")
            columns[column.stream.path] = column
        self._set_lengths_aside(columns)
        times_path = times_column({path: column.stream for path, column in columns.items()})
        times = None
        if times_path is not None:
            times = read_times(self.path, times_path, columns.pop(times_path).values())
        task = _task(group) or _task(self._file)
        notes = []
        if not fps and times is None and "/observations/qpos" in columns:
            fps, notes = _ALOHA_FPS, [f"ALOHA records {_ALOHA_FPS:g} rows a second; the file does not say so itself"]
        return RowsRecording(name, list(columns.values()), fps=fps, times_ns=times, task=task, notes=notes)

    def _columns(self, group: Any, base: str, depth: int, seen: set[int]) -> Iterator[Column]:
        """Yield the columns below a group. `seen` are the addresses of the groups entered so far."""
        seen.add(_address(self._h5py, group))
        if len(seen) > _MOST_GROUPS:
            raise BadSource(self.path, f"has more than {_MOST_GROUPS:,} groups in {base or '/'}")
        for key in group:
            check_stop()
            self._met += 1
            if self._met > _MOST_OBJECTS:
                raise BadSource(self.path, f"has more than {_MOST_OBJECTS:,} groups and datasets")
            # Every demonstration has the same paths, so that one mapping serves all of them.
            path = plain(f"{group.name.rstrip('/')}/{key}"[len(base) :])
            if not _is_hard(self._h5py, group, key):
                yield _left_out(path, "it is a link, and links are not followed")
                continue
            item = group[key]
            if isinstance(item, self._h5py.Group):
                if _address(self._h5py, item) in seen:  # it would be entered once for each of the ways to it
                    yield _left_out(path, "it is another name for a group that is listed before")
                elif depth == _MOST_DEPTH:
                    yield _left_out(path, "it lies too deep in the file")
                else:
                    yield from self._columns(item, base, depth + 1, seen)
            elif isinstance(item, self._h5py.Dataset):
                yield self._column(path, item)

    def _column(self, path: str, dataset: Any) -> Column:
        if problem := _unsafe(dataset):
            return _left_out(path, problem)
        if not dataset.shape:
            return _left_out(path, "it is one value for all of the recording" if dataset.shape == () else "it is empty")
        count, row = int(dataset.shape[0]), tuple(int(side) for side in dataset.shape[1:])
        vlen = self._h5py.check_vlen_dtype(dataset.dtype)
        if self._h5py.check_string_dtype(dataset.dtype) is not None:
            return self._text(path, dataset, count, row)
        if vlen is not None and not row and np.dtype(vlen).itemsize == 1:
            return self._packets(path, dataset, count) or _left_out(path, "its values have no fixed length")
        if dataset.dtype.kind == "O" or vlen is not None:
            return _left_out(path, f"it holds {dataset.dtype}, neither numbers nor pictures")
        if dataset.dtype == np.uint8 and len(row) == 1 and 1 < row[0] <= _MOST_PACKET_BYTES:
            packets = self._packets(path, dataset, count)
            if packets is not None:
                return packets
        stream = describe_array(path, row, dataset.dtype, count)
        return Column(stream, partial(self._rows, dataset))

    def _text(self, path: str, dataset: Any, count: int, row: tuple[int, ...]) -> Column:
        problem = "it has several texts in a row" if row else "" if count else "it is empty"
        stream = Stream(path, Kind.TEXT, (1,), "text", count, problem=problem)
        return Column(stream, lambda: (_as_text(value) for value in self._rows(dataset)))

    def _packets(self, path: str, dataset: Any, count: int) -> Column | None:
        """Return the column of a dataset whose rows are compressed pictures, padded with zeros; None if it is other."""
        if not count:
            return None
        stream = compressed_stream(path, _packet(dataset[0]), count)
        return None if stream is None else Column(stream, lambda: map(_packet, self._rows(dataset)))

    def _rows(self, dataset: Any) -> Iterator[Any]:
        """Yield the rows, read in blocks that agree with the pieces of the file."""
        size = max(1, int(np.prod(dataset.shape[1:], dtype=np.int64)) * dataset.dtype.itemsize)
        block = max(1, (BLOCK_BYTES if dataset.chunks else BLOCK_BYTES // 8) // size)
        if dataset.chunks and dataset.chunks[0] < block:
            block -= block % dataset.chunks[0]
        try:
            for first in range(0, dataset.shape[0], block):
                check_stop()
                yield from dataset[first : first + block]
        except (OSError, RuntimeError, ValueError) as error:
            raise BadSource(self.path, f"is damaged in {dataset.name}: {error}") from error

    def _set_lengths_aside(self, columns: dict[str, Column]) -> None:
        """Leave out the lengths of ALOHA's compressed pictures: they are not the length of the recording."""
        if "/compress_len" in columns:
            columns["/compress_len"] = _left_out("/compress_len", "it holds the lengths of the compressed pictures")


def _is_hard(h5py: Any, group: Any, name: str) -> bool:
    return isinstance(group.get(name, getlink=True), h5py.HardLink)


def _address(h5py: Any, item: Any) -> int:
    return int(h5py.h5o.get_info(item.id).addr)


def _unsafe(dataset: Any) -> str:
    """Return why a dataset must not be read; empty if it may be."""
    if dataset.is_virtual:
        return "it is made of parts of other files, which are not read"
    if dataset.external:
        return "its values are in another file, which is not read"
    if dataset.chunks and int(np.prod(dataset.chunks, dtype=np.float64)) * dataset.dtype.itemsize > _MOST_PIECE_BYTES:
        return f"one piece of it has more than {_MOST_PIECE_BYTES >> 20} MiB"
    return ""


def _left_out(path: str, problem: str) -> Column:
    return Column(Stream(path, Kind.OTHER, (), "", 0, problem=problem), lambda: iter(()))


def _packet(value: Any) -> bytes:
    return np.asarray(value, np.uint8).tobytes().rstrip(b"\0")


def _as_text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _number(name: str) -> int:
    match = _DEMO.fullmatch(name)
    return int(match[1]) if match else 0


def _attribute(group: Any, name: str) -> float:
    value = group.attrs.get(name)
    number = isinstance(value, int | float | np.integer | np.floating)
    return float(value) if number and 0 < float(value) <= 1000 else 0.0


def _control_rate(data: Any) -> float:
    """Return robomimic's control rate, which is in the arguments of its environment."""
    text = data.attrs.get("env_args")
    try:
        args = read_json(text) if isinstance(text, str | bytes) else {}
        rate = args["env_kwargs"]["control_freq"]
        return float(rate) if isinstance(rate, int | float) and 0 < rate <= 1000 else 0.0
    except (ValueError, LookupError, TypeError):
        return 0.0


def _task(group: Any) -> str:
    for name in ("task", "language_instruction", "instruction", "lang"):
        value = group.attrs.get(name)
        if isinstance(value, str | bytes) and len(value) < 1000:
            return " ".join(_as_text(value).split())
    return ""
