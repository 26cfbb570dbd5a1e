"""The data and video files of a dataset whose features change: columns are copied, videos are linked or left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset.episode_list import file_problem
from robotdata.dataset.errors import DamagedFile, EditError
from robotdata.dataset.features import NUMERIC_DTYPES, Feature, is_video
from robotdata.dataset.language import LANGUAGE_COLUMNS, column_type
from robotdata.dataset.layout import Layout, contained
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import ParquetFile, data_schema, open_parquet, to_numpy
from robotdata.dataset.write import episode_table
from robotdata.dataset.write.change_values import AddedValues
from robotdata.dataset.write.data_files import episode_tables
from robotdata.dataset.write.draft import Draft
from robotdata.dataset.write.feature_change import FeatureChange
from robotdata.dataset.write.language_change import LanguageChange

_MOVED = ".renamed"


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A file of a camera: its path below the dataset's folder, and its numbers."""

    relative: Path
    chunk: int
    file: int


def data_files(base: DatasetFolder) -> dict[Path, Path]:
    """Return all data files, also those that no episode names, because LeRobot reads them all.

    The keys are paths below the dataset's folder, the values what they lead to if they are links. Raises UnsafePath.
    """
    layout = Layout.of(base.root, base.info)
    names = sorted(path.relative_to(layout.root) for path in layout.root.glob(layout.data.glob) if path.is_file())
    return {name: contained(layout.root, name.as_posix()) for name in names}


def video_files(root: Path, info: Mapping[str, Any], key: str) -> list[VideoFile]:
    """Return the existing files of a camera."""
    layout = Layout.of(root, info)
    found = []
    for path in sorted(layout.root.glob(layout.video.glob)):
        relative = path.relative_to(layout.root)
        if (numbers := layout.video.numbers_of(relative.as_posix(), key)) is not None:
            found.append(VideoFile(relative, *numbers))
    return found


def columns_change(base: DatasetFolder, change: FeatureChange) -> bool:
    """Return whether the data files have to be written again."""
    touched = [base.features[key] for key in (*change.remove, *change.rename)]
    return bool(change.add) or change.language is not None or not all(map(is_video, touched))


def check_files(base: DatasetFolder, change: FeatureChange) -> None:
    """Raise EditError if files that the change needs are missing, or if a new name is that of an unknown column."""
    if change.statistics or columns_change(base, change):
        missing = [e.index for e in base.episodes if e.data_file is None or file_problem(e.data_file)]
        if missing:
            raise EditError(
                f"{base.root.name}: the rows of {len(missing)} episodes (first: {missing[0]}) are missing, and this "
                "has to read them all: download or copy the data files there, then try again"
            )
    decoded = base.video_keys if change.statistics == "all" else []
    for key in [*(key for key in change.rename if key in base.video_keys), *decoded]:
        gone = [e.index for e in base.episodes if key not in e.videos or file_problem(e.videos[key].path)]
        if gone:
            raise EditError(
                f"{base.root.name}: the videos of {len(gone)} episodes of {key} (first: {gone[0]}) are missing: "
                "download or copy them there, then try again"
            )
    new = {*change.rename.values(), *(added.name for added in change.add)} - {*change.rename, *change.remove}
    for path in data_files(base).values() if new else ():
        with open_parquet(path) as file:
            if taken := new.intersection(file.schema_arrow.names):
                raise EditError(
                    f"{base.root.name}: {path.name} has a column {min(taken)} already, which meta/info.json does not "
                    "name: choose another name"
                )


def move_videos(base: DatasetFolder, draft: Draft, change: FeatureChange) -> None:
    """Leave out the files of removed cameras, and link those of renamed ones under their new names."""
    moves: list[tuple[Path, Path]] = []
    for key in base.video_keys:
        new = change.rename.get(key)
        if key not in change.remove and new is None:
            continue
        for video in video_files(draft.root, base.info, key):
            path = draft.layout.root / video.relative
            if new is None:
                path.unlink()
            else:
                aside = path.with_name(f"{path.name}{_MOVED}")  # two cameras may exchange their names
                path.rename(aside)
                renamed = draft.layout.video.fill(key=new, chunk=video.chunk, file=video.file)
                moves.append((aside, draft.layout.root / renamed))
            _remove_empty(path.parent, draft.layout.root)
    for aside, target in moves:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside.rename(target)
        _remove_empty(aside.parent, draft.layout.root)


def write_data(
    base: DatasetFolder,
    draft: Draft,
    change: FeatureChange,
    features: Mapping[str, Feature],
    step: Callable[[], None],
) -> dict[int, dict[str, Any]]:
    """Write all data files with their new columns; other columns are copied as they are.

    Return the statistics of added features as columns of the table of episodes, by episode. `step` is called after
    each file. Raises EditError and DamagedFile.
    """
    values, language = AddedValues(base, list(change.add), features), LanguageChange(base, change)
    counted = [added.name for added in change.add if features[added.name]["dtype"] in NUMERIC_DTYPES]
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in counted}
    found: dict[int, dict[str, Any]] = {}
    at, done = -1, 0

    def finish() -> None:
        if at >= 0 and counted and done:
            found[at] = _stats(features, {name: np.concatenate(arrays) for name, arrays in parts.items()})
        for arrays in parts.values():
            arrays.clear()

    for relative, path in data_files(base).items():
        with open_parquet(path) as file:
            old_schema = file.schema_arrow
        if language.skips(path, old_schema):
            step()
            continue
        schema = changed_schema(old_schema, change, features, values.fields | language.fields(old_schema))
        target = draft.free(draft.root / relative)
        with ParquetFile(target, schema) as output:
            for table in episode_tables(path):
                episode = int(to_numpy(table.column("episode_index"))[0])
                if episode != at:
                    finish()
                    at, done = episode, 0
                columns = values.columns(table, episode, done)
                for name in counted:
                    parts[name].append(to_numpy(pa.chunked_array([columns[name]])))
                columns |= language.columns(table, episode)
                done += table.num_rows
                output.write(_changed(table, columns, change, schema))
        _check_rows(path, target)
        step()
    finish()
    return found


def changed_schema(
    old: pa.Schema, change: FeatureChange, features: Mapping[str, Feature], added: Mapping[str, Any]
) -> pa.Schema:
    """Return the schema of a data file after the change, with what libraries have written about its columns."""
    fields = [
        field.with_name(change.rename.get(field.name, field.name)) for field in old if field.name not in change.remove
    ]
    metadata = dict(old.metadata or {})
    for name, edit in ((b"huggingface", _edit_huggingface), (b"pandas", _edit_pandas)):
        if name in metadata:
            metadata[name] = _edited(metadata[name], partial(edit, change=change, features=features))
    return pa.schema([*fields, *added.values()]).with_metadata(metadata or {})


def _changed(table: pa.Table, added: Mapping[str, Any], change: FeatureChange, schema: pa.Schema) -> pa.Table:
    kept = [added.get(name, table.column(name)) for name in table.column_names if name not in change.remove]
    new = [values for name, values in added.items() if name not in table.column_names]
    return pa.Table.from_arrays([*kept, *new], schema=schema)


def _check_rows(old: Path, new: Path) -> None:
    """Raise DamagedFile if a copy has another number of rows."""
    with open_parquet(old) as before, open_parquet(new) as after:
        if before.metadata.num_rows != after.metadata.num_rows:
            raise DamagedFile(new, f"it has {after.metadata.num_rows} of {before.metadata.num_rows} rows")


def _stats(features: Mapping[str, Feature], columns: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    counted = {name: episode_table.feature_stats(features[name], values) for name, values in columns.items()}
    return episode_table.stats_columns({name: stat for name, stat in counted.items() if stat is not None})


def _edited(text: bytes, edit: Callable[[dict[str, Any]], None]) -> bytes:
    """Return JSON metadata after an edit; what has another form is left as it is."""
    try:
        value = json.loads(text)
        edit(value)
        return json.dumps(value).encode()
    except (ValueError, LookupError, TypeError, AttributeError):
        return text


def _edit_huggingface(value: dict[str, Any], change: FeatureChange, features: Mapping[str, Feature]) -> None:
    known: dict[str, Any] = value["info"]["features"]
    kept = {change.rename.get(key, key): kind for key, kind in known.items() if key not in change.remove}
    for added in change.add:
        schema = data_schema({added.name: features[added.name]})
        kept |= json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    for key in LANGUAGE_COLUMNS if change.language is not None else ():
        kept.setdefault(key, column_type(key)[1])
    value["info"]["features"] = kept


def _edit_pandas(value: dict[str, Any], change: FeatureChange, features: Mapping[str, Feature]) -> None:
    kept = [column for column in value["columns"] if column.get("name") not in change.remove]
    for column in kept:
        for name in ("name", "field_name"):
            column[name] = change.rename.get(column[name], column[name])
    value["columns"] = kept


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder and those above it, below `root`, as long as they are empty."""
    while folder != root and not _any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _any(items: Iterable[Any]) -> bool:
    return next(iter(items), None) is not None
