"""Read a LeRobotDataset v1.x: all rows in one table, one video for each camera and episode, no tasks.

`meta_data/info.json` states version and fps. Rows are in `data/train-*.parquet` (from the Hub) or `train/data-*.arrow`
(as the library `datasets` saves them). A cell of a camera is a struct: `path` and `timestamp` of a frame in a video, or
`bytes` and `path` of an image. Source: LeRobot's converter from v1.6 to v2.0.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable, Iterator
from io import IOBase
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from robotdata.capture.texts import tidy_task
from robotdata.dataset.bounds import group_batches
from robotdata.dataset.convert.old_files import OldFiles, walk_files
from robotdata.dataset.convert.old_meta import MAX_NUMBER, OldEntry, OldMeta
from robotdata.dataset.convert.old_rows import declared
from robotdata.dataset.errors import ConversionError, DamagedFile, DatasetError
from robotdata.dataset.features import DEFAULT_FEATURES, Features
from robotdata.dataset.grid import off_grid
from robotdata.dataset.layout import INFO_V1, contained
from robotdata.dataset.reader import fps_of, read_json
from robotdata.dataset.tables import open_parquet, read_columns, to_list, to_numpy
from robotdata.files import open_real
from robotdata.video.errors import VideoError
from robotdata.video.jpeg import decode_jpeg
from robotdata.video.png import decode_png
from robotdata.video.remux import Segment, check_segment

TASK_COLUMN = "language_instruction"
UNNAMED = "unnamed task"
_IMAGE_AXES = ["height", "width", "channels"]
_TENSOR = re.compile(r"tf\.Tensor\(b['\"](.*)['\"], shape=\(\), dtype=string\)", re.DOTALL)
"""How some datasets hold a task: as the text of a TensorFlow tensor."""


def read_version_1(root: Path, staging: Path) -> tuple[OldMeta, OldFiles]:
    """Write the rows of each episode to a Parquet file in `staging`; return what the dataset in `root` (resolved) is.

    Videos stay where they are. Raises ConversionError, DamagedFile and UnsafePath.
    """
    info = read_json(contained(root, INFO_V1))
    names = list(walk_files(root))
    rows = [name for name in names if re.fullmatch(r"data/[^/]+\.parquet|train/[^/]+\.arrow", name)]
    if not rows:
        raise ConversionError(f"{root} has no rows in data/ or train/: download its files, too")
    split = _Split(root, fps_of(root, info), names, staging)
    for name in rows:
        path = contained(root, name)
        for table in _tables(path):
            split.add(table, path)
    split.end()
    notes = list(split.notes)
    if not split.texts:
        split.texts[UNNAMED] = 0
        notes.append(f"v1.x states no tasks: each episode has the task {UNNAMED!r}; rename it on the dataset's page")
    episodes = {number: OldEntry(texts or [next(iter(split.texts))], None) for number, texts in split.tasks_of.items()}
    meta = OldMeta(root, info, split.fps, split.features, dict(enumerate(split.texts)), episodes, notes=notes)
    used = {*rows, *split.used}
    split.files.rest = [name for name in names if name not in used and not name.startswith(("meta_data/", "train/"))]
    return meta, split.files


def _tables(path: Path) -> Iterator[pa.Table]:
    """Yield the rows of a file, some at once. Raises DamagedFile."""
    try:
        if path.suffix == ".parquet":
            with open_parquet(path) as file:
                yield from (read_columns(file, path, None, groups) for groups in group_batches(file, path, 1))
            return
        with os.fdopen(open_real(path), "rb") as source:
            for batch in _batches(source, path):
                batch.validate(full=True)
                yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        raise DamagedFile(path, str(error).split("\n")[0]) from error


def _batches(source: IOBase, path: Path) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a stream of Arrow. Raises DamagedFile before one is read that may not fit into memory."""
    messages = iter(pa.ipc.MessageReader.open_stream(pa.PythonFile(source, "r")))
    first = next(messages, None)
    if first is None:
        return
    schema = pa.ipc.read_schema(first)
    for message in messages:
        if message.type != "record batch":
            raise DamagedFile(path, f"it holds a {message.type}, which the library datasets never writes")
        if _is_compressed(message.metadata.to_pybytes()):
            raise DamagedFile(path, "it is compressed, which the library datasets never does: save it again without")
        yield pa.ipc.read_record_batch(message, schema)


def _is_compressed(message: bytes) -> bool:
    """Return whether the batch that a message describes is compressed: how far it expands is not known before.

    The message is a Flatbuffer, field 2 of it the batch, and field 3 of that the compression. Source: Message.fbs of
    Apache Arrow.
    """
    root = struct.unpack_from("<I", message)[0]
    place = root + _field(message, root, 2)
    batch = place + struct.unpack_from("<I", message, place)[0]
    return _field(message, batch, 3) > 0


def _field(message: bytes, table: int, number: int) -> int:
    """Return where a field of a Flatbuffer's table is, counted from the table; 0 if it has none."""
    names = table - struct.unpack_from("<i", message, table)[0]
    size = struct.unpack_from("<H", message, names)[0]
    return int(struct.unpack_from("<H", message, names + 4 + 2 * number)[0]) if 4 + 2 * number < size else 0


class _Split:
    """Divides the rows into episodes, which lie one after the other."""

    def __init__(self, root: Path, fps: float, names: list[str], staging: Path) -> None:
        self.root = root
        self.fps = fps
        self.staging = staging
        self.files = OldFiles()
        self.features: Features = {}
        self.texts: dict[str, int] = {}
        self.tasks_of: dict[int, list[str]] = {}
        self.used: set[str] = set()
        self.notes: list[str] = []
        self._videos = {name.rpartition("/")[2]: name for name in reversed(names) if name.endswith(".mp4")}
        self._number = -1
        self._parts: list[pa.Table] = []
        self._schema: pa.Schema | None = None

    def add(self, table: pa.Table, path: Path) -> None:
        """Add the next rows, which are from `path`."""
        if not table.num_rows:
            return
        if len({*table.column_names}) < table.num_columns:
            raise DamagedFile(path, "two of its columns have the same name")
        numbers = to_numpy(table.column("episode_index")) if "episode_index" in table.column_names else None
        if numbers is None or numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= MAX_NUMBER:
            raise DamagedFile(path, "it has no column episode_index with the number of each row's episode")
        if not self.features:
            self._declare(table, path)
            self._schema = table.schema.remove_metadata()
        if table.schema.remove_metadata() != self._schema:
            raise DamagedFile(path, "its columns are others than those of the file before it")
        edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        for first, end in pairwise(edges):
            if int(numbers[first]) != self._number:
                self.end()
                self._number = int(numbers[first])
                if self._number in self.files.data:
                    raise DamagedFile(path, f"the rows of episode {self._number} do not lie one after the other")
            self._parts.append(table.slice(first, end - first))

    def end(self) -> None:
        """Write the rows of the episode that was being read."""
        if not self._parts:
            return
        number, table = self._number, pa.concat_tables(self._parts)
        self._parts = []
        for key, feature in self.features.items():
            if feature["dtype"] == "video":
                self._find_video(number, key, table.column(key))
        columns = {name: table.column(name) for name in table.column_names if name in self._kept}
        columns |= self._tasks(number, table)
        path = self.staging / f"episode_{number:06d}.parquet"
        self.staging.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path)
        self.files.data[number] = path

    @property
    def _kept(self) -> set[str]:
        videos = {key for key, feature in self.features.items() if feature["dtype"] == "video"}
        return {*self.features, *DEFAULT_FEATURES} - {*videos, "task_index"}

    def _tasks(self, number: int, table: pa.Table) -> dict[str, Any]:
        """Return the column of task numbers, if the rows have texts."""
        self.tasks_of[number] = []
        if not _has_texts(table):
            return {}
        texts = [_text(value) for value in to_list(table.column(TASK_COLUMN), self.root)]
        self.tasks_of[number] = [text for text in dict.fromkeys(texts) if text]
        numbers = [self.texts.setdefault(text, len(self.texts)) for text in texts]
        return {"task_index": pa.array(numbers, pa.int64())}

    def _find_video(self, number: int, key: str, column: Any) -> None:
        """Note the video of a camera whose first frames are the episode's."""
        cells = column.combine_chunks()
        paths = set(cells.field("path").to_pylist())
        stamps = to_numpy(cells.field("timestamp"))
        name = next(iter(paths)) if len(paths) == 1 else None
        if not isinstance(name, str) or bool(off_grid(stamps, np.arange(len(stamps)) / self.fps).any()):
            why = f"its frames of {key} are not the first ones of one video at {self.fps:g} frames/s"
            self.files.unusable.setdefault(number, why)
            return
        if relative := self._place(name):
            self.files.videos[key][number] = contained(self.root, relative)
            self.used.add(relative)

    def _place(self, name: str) -> str:
        """Return the path, inside the dataset, of the video that a row names; empty if it is not there."""
        try:
            is_there = (self.root / name).is_file()
        except OSError:  # a name that no file can have
            is_there = False
        return name if is_there else self._videos.get(name.rpartition("/")[2], "")

    def _declare(self, table: pa.Table, path: Path) -> None:
        """Make features of the columns."""
        for field in table.schema:
            first = table.column(field.name)[0].as_py() if pa.types.is_struct(field.type) else None
            if _holds(field.type, path=pa.types.is_string, timestamp=pa.types.is_floating):
                self.files.videos[field.name] = {}
                self.features[field.name] = _camera("video", self._video_shape(field.name, first))
            elif _holds(field.type, path=pa.types.is_string, bytes=pa.types.is_binary):
                self.features[field.name] = _camera("image", _image_shape(path, field.name, first))
        plain = table.drop_columns([*self.features, *([TASK_COLUMN] if _has_texts(table) else [])])
        more, unknown = declared(_with_sizes(plain), DEFAULT_FEATURES)
        self.features |= more
        if unknown:
            self.notes.append(f"the columns {', '.join(unknown)} are neither numbers nor text: they were left out")

    def _video_shape(self, key: str, cell: Any) -> list[int]:
        """Return the shape of a camera's frames from its first video; a wrong one is put right with the videos."""
        name = str(cell.get("path") or "") if isinstance(cell, dict) else ""
        try:
            index = check_segment(Segment(contained(self.root, self._place(name)), 0), fps=self.fps)
        except (VideoError, OSError, DatasetError) as error:
            raise ConversionError(
                f"the first video of {key} cannot be read ({error}): download its videos, too"
            ) from error
        return [index.height, index.width, 3]


def _holds(kind: pa.DataType, **parts: Callable[[pa.DataType], bool]) -> bool:
    """Return whether a column has structs with these parts, each of its type."""
    found = {part.name: part.type for part in kind} if pa.types.is_struct(kind) else {}
    return all(name in found and is_right(found[name]) for name, is_right in parts.items())


def _has_texts(table: pa.Table) -> bool:
    return TASK_COLUMN in table.column_names and bool(pa.types.is_string(table.schema.field(TASK_COLUMN).type))


def _camera(dtype: str, shape: list[int]) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "names": list(_IMAGE_AXES)}


def _image_shape(path: Path, key: str, cell: Any) -> list[int]:
    """Return height, width and channels of an image in a row. Raises DamagedFile."""
    data = cell.get("bytes") if isinstance(cell, dict) else None
    try:
        if isinstance(data, bytes):
            picture = decode_jpeg(data) if data.startswith(b"\xff\xd8") else decode_png(data)
            return list(picture.shape)
    except ValueError as error:
        raise DamagedFile(path, f"the first image of {key} cannot be read ({error})") from error
    raise DamagedFile(path, f"the images of {key} are not in it; only images inside its rows are read")


def _with_sizes(table: pa.Table) -> pa.Schema:
    """Return the schema; a list of any length becomes one of the length that its first row has."""
    fields = []
    for field in table.schema:
        if pa.types.is_list(field.type) or pa.types.is_large_list(field.type):
            size = len(table.column(field.name)[0].as_py() or ())
            field = field.with_type(pa.list_(field.type.value_type, max(size, 1)))
        fields.append(field)
    return pa.schema(fields)


def _text(value: Any) -> str:
    """Return a row's task."""
    text = value if isinstance(value, str) else ""
    tensor = _TENSOR.fullmatch(text)
    return tidy_task(tensor[1] if tensor else text)
