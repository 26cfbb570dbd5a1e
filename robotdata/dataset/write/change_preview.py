"""What a change of features would do, before it is done: counts and sizes. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from robotdata.dataset import stats
from robotdata.dataset.features import Feature, is_video
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import open_parquet, read_columns, to_numpy
from robotdata.dataset.write.change_files import columns_change, data_files, video_files
from robotdata.dataset.write.change_run import check_change
from robotdata.dataset.write.change_values import AddedValues, label_values
from robotdata.dataset.write.feature_change import FeatureChange, FromColumn, FromLabels


@dataclass(frozen=True, slots=True)
class RemovedFeature:
    """A feature that would go: the bytes that it takes, and its files if it is a camera."""

    name: str
    size_bytes: int
    files: int = 0


@dataclass(frozen=True, slots=True)
class AddedFeature:
    """A feature that would come. `episodes`: how many get each value from their labels, by the value as text.

    `without`: how many of these have none of the labels and get the default.
    """

    name: str
    dtype: str
    shape: list[int]
    episodes: dict[str, int] = field(default_factory=dict)
    without: int = 0


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """What would be done. `rewritten_bytes`: the data files that are written again. `decoded_frames`: of statistics."""

    episodes: int
    frames: int
    removed: list[RemovedFeature]
    renamed: dict[str, str]
    added: list[AddedFeature]
    rewritten_bytes: int
    decoded_frames: int


def preview_change(base: DatasetFolder, change: FeatureChange) -> ChangePreview:
    """Return what the change would do. Raises EditError and FeatureError if it cannot be made."""
    features = check_change(base, change)
    files = list(data_files(base).values())
    if change.add:
        _try_values(base, change, features, files[0])
    decoded = 0
    if change.statistics == "all":
        sampled = sum(len(stats.sample_indices(episode.length)) for episode in base.episodes)
        decoded = sampled * len(base.video_keys)
    return ChangePreview(
        episodes=len(base.episodes),
        frames=base.total_frames,
        removed=[_removed(base, key) for key in change.remove],
        renamed=dict(change.rename),
        added=_added(base, change, features),
        rewritten_bytes=sum(path.stat().st_size for path in files) if columns_change(base, change) else 0,
        decoded_frames=decoded,
    )


def _try_values(base: DatasetFolder, change: FeatureChange, features: dict[str, Feature], path: Path) -> None:
    """Make the new values of the first row. Raises EditError if that cannot be done."""
    values = AddedValues(base, list(change.add), features)
    sources = [added.source.key for added in change.add if isinstance(added.source, FromColumn)]
    with open_parquet(path) as file:
        table = read_columns(file, path, ["episode_index", *sources], range(min(1, file.num_row_groups)))
    if table.num_rows:
        values.columns(table.slice(0, 1), int(to_numpy(table.column("episode_index"))[0]), 0)


def _removed(base: DatasetFolder, key: str) -> RemovedFeature:
    """Return a feature with the bytes of its videos, or of its column in the data files."""
    if is_video(base.features[key]):
        files = video_files(base.root, base.info, key)
        size = sum((base.root.resolve() / video.relative).stat().st_size for video in files)
        return RemovedFeature(key, size, len(files))
    size = 0
    for path in data_files(base).values():
        with open_parquet(path) as file:
            for group in range(file.num_row_groups):
                row_group = file.metadata.row_group(group)
                columns = [row_group.column(n) for n in range(row_group.num_columns)]
                size += sum(c.total_compressed_size for c in columns if _belongs(c.path_in_schema, key))
    return RemovedFeature(key, size)


def _belongs(path: str, key: str) -> bool:
    """Return whether a leaf of the Parquet schema is of this column; lists and structs add parts behind a dot."""
    return path == key or path.startswith((f"{key}.list.", f"{key}.bytes", f"{key}.path"))


def _added(base: DatasetFolder, change: FeatureChange, features: dict[str, Feature]) -> list[AddedFeature]:
    found = []
    for each in change.add:
        feature = features[each.name]
        episodes, without = {}, 0
        if isinstance(each.source, FromLabels):
            counts = label_values(base, each.source)[1]
            episodes = {_text(value): count for value, count in counts.values.items()}
            without = len(counts.without)
        found.append(AddedFeature(each.name, feature["dtype"], list(feature["shape"]), episodes, without))
    return found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
