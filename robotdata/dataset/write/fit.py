"""How the features of one dataset become those of another: names, order of joints, tasks, and what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from robotdata.capture.actions import ACTION
from robotdata.capture.texts import tidy_task
from robotdata.dataset.errors import DatasetError, Difference, EditError
from robotdata.dataset.features import DEFAULT_FEATURES, Features, differences, flat_names, is_camera, is_video
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import open_parquet, to_numpy

_PARTS = ("stats/", "videos/")


@dataclass(frozen=True, slots=True)
class Names:
    """What people say about two datasets with different names.

    `features`: their feature or camera to ours; None leaves it out. `joints`: their value's name to ours. `tasks`:
    their text to ours.
    """

    features: Mapping[str, str | None] = field(default_factory=dict)
    joints: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fit:
    """How columns of another dataset become ours.

    `keys`: their feature to ours; None for one that is left out. `order`: for our features whose values they have in
    another order, the place of each of our values in their rows.
    """

    keys: Mapping[str, str | None] = field(default_factory=dict)
    order: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    tasks: Mapping[str, str] = field(default_factory=dict)

    def ours(self, key: str) -> str | None:
        """Return our name of their feature; None if it is left out."""
        return self.keys.get(key, key)

    def theirs(self, key: str) -> str:
        """Return their name of our feature."""
        return next((theirs for theirs, ours in self.keys.items() if ours == key), key)

    def task(self, text: str) -> str:
        """Return our text of their task."""
        return self.tasks.get(tidy_task(text), text)

    def table(self, table: pa.Table, features: Features) -> pa.Table:
        """Return a table of episodes under our names; columns of features that are left out are gone."""
        columns: dict[str, Any] = {}
        for name in table.column_names:
            head = next((part for part in _PARTS if name.startswith(part)), "")
            key = next((k for k in features if name.startswith(f"{head}{k}/")), "") if head else ""
            ours = self.ours(key) if key else ""
            if ours is None:
                continue
            rest = name[len(head) + len(key) :]
            column = table.column(name)
            if ours in self.order and head == "stats/" and rest != "/count":
                column = _reordered(column, self.order[ours])
            columns[f"{head}{ours}{rest}" if key else name] = column
        return pa.table(columns)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two datasets compared. `differing`: what prevents them from being one. `notes`: what does not.

    The value `rig` of a difference is the other dataset's.
    """

    fit: Fit
    differing: Sequence[Difference]
    notes: Sequence[Difference]


class CannotJoin(EditError):
    """The episodes of one dataset do not fit another. `differences` lists why; `rig` is the other dataset's value."""

    def __init__(self, theirs: DatasetFolder, ours: DatasetFolder, differing: Sequence[Difference]) -> None:
        listed = "; ".join(f"{d.what}: {d.rig} there, {d.dataset} here" for d in differing)
        super().__init__(
            f"episodes of {theirs.root.name} do not fit {ours.root.name}: {listed}. Map names that mean the same, "
            "leave features out, or choose another dataset"
        )
        self.differences = list(differing)


def compare(theirs: DatasetFolder, ours: DatasetFolder, names: Names) -> Compared:
    """Return how episodes of `theirs` fit into `ours`. Raises EditError for a name that does not exist."""
    _check_names(theirs, names)
    renamed = _renamed(theirs.features, names)
    order: dict[str, tuple[int, ...]] = {}
    for key, feature in renamed.items():
        mine, own = flat_names(feature), flat_names(ours.features.get(key, {}))
        if not is_camera(feature) and mine and own and mine != own and len(feature["shape"]) == 1:
            same = len(set(mine)) == len(mine) and sorted(mine) == sorted(own)
            if same and key in ours.features:
                order[key] = tuple(mine.index(name) for name in own)
                renamed[key] = {**feature, "names": ours.features[key].get("names")}
    found = differences(renamed, ours.features, theirs.fps, ours.fps)
    found += _more_differences(theirs, ours, renamed, names)
    keys = {key: names.features.get(key, key) for key in theirs.features}
    tasks = {tidy_task(old): tidy_task(new) for old, new in names.tasks.items()}
    return Compared(Fit(keys, order, tasks), found, _notes(theirs, ours, renamed))


def _check_names(theirs: DatasetFolder, names: Names) -> None:
    for key in names.features:
        if key not in theirs.features or key in DEFAULT_FEATURES:
            raise EditError(f"{theirs.root.name} has no feature {key!r} to map: see its meta/info.json")
    ours = [name for key, feature in theirs.features.items() if (name := names.features.get(key, key)) is not None]
    if twice := next((name for name in ours if ours.count(name) > 1), None):
        raise EditError(f"two features of {theirs.root.name} would be named {twice!r}: map each to its own")
    for old, new in names.tasks.items():
        if not tidy_task(new):
            raise EditError(f"the task {old!r} is mapped to an empty text: describe what the robot does")


def _renamed(features: Features, names: Names) -> Features:
    """Return their features under our names, and their values under ours."""
    renamed: Features = {}
    for key, feature in features.items():
        ours = names.features.get(key, key)
        if ours is None:
            continue
        flat = None if is_camera(feature) else flat_names(feature)
        mapped = [names.joints.get(name, name) for name in flat] if flat and names.joints else None
        renamed[ours] = {**feature, "names": mapped} if mapped else dict(feature)
    return renamed


def _more_differences(theirs: DatasetFolder, ours: DatasetFolder, renamed: Features, names: Names) -> list[Difference]:
    """Return the differences that matter for stored rows only: nesting, columns without a feature, the action."""
    found = []
    for key, feature in renamed.items():
        own = ours.features.get(key)
        if own and not is_camera(feature) and len(own["shape"]) != len(feature["shape"]):
            found.append(Difference(f"{key} shape", str(feature["shape"]), str(own["shape"])))
    mine, own_columns = _columns(theirs), _columns(ours)
    if mine is not None and own_columns is not None:
        for name in sorted((mine - theirs.features.keys()) ^ (own_columns - ours.features.keys())):
            there, here = ("a column" if name in each else "missing" for each in (mine, own_columns))
            found.append(Difference(f"column {name}", there, here))
    actions = theirs.recorded_action, ours.recorded_action
    if ACTION in ours.features and all(actions) and actions[0] != actions[1]:
        found.append(Difference("recorded action", *actions))
    return found


def _columns(dataset: DatasetFolder) -> set[str] | None:
    """Return the columns of the first data file that can be read; None without one."""
    for path in dict.fromkeys(episode.data_file for episode in dataset.episodes):
        try:
            if path is not None:
                with open_parquet(path) as file:
                    return set(file.schema_arrow.names)
        except DatasetError:
            continue
    return None


def _notes(theirs: DatasetFolder, ours: DatasetFolder, renamed: Features) -> list[Difference]:
    """Return differences that every reader lives with."""
    notes = []
    if theirs.robot_type != ours.robot_type:
        notes.append(Difference("robot type", theirs.robot_type or "not given", ours.robot_type or "not given"))
    for key, feature in renamed.items():
        if is_video(feature) and key in ours.features:
            codecs = [str((f.get("info") or {}).get("video.codec") or "") for f in (feature, ours.features[key])]
            if all(codecs) and codecs[0] != codecs[1]:
                notes.append(Difference(f"{key} codec", *codecs))
    return notes


def _reordered(column: Any, order: Sequence[int]) -> Any:
    """Return statistics, one list a row, with the values in another order; missing ones stay missing."""
    values = to_numpy(column)
    if values.ndim == 2 and values.shape[1] == len(order):
        return pa.array(np.ascontiguousarray(values[:, list(order)]).tolist(), column.type)
    rows = [row if row is None or len(row) != len(order) else [row[n] for n in order] for row in column.to_pylist()]
    return pa.array(rows, column.type)
