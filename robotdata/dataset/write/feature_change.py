"""What can be changed in a dataset's features, its words and its statistics; and whether it can be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from robotdata.dataset.errors import EditError
from robotdata.dataset.features import (
    DEFAULT_FEATURES,
    NUMERIC_DTYPES,
    Feature,
    check_key,
    flat_names,
    is_camera,
    size_of,
    tidy_names,
)
from robotdata.dataset.language import LANGUAGE_COLUMNS, language_features
from robotdata.dataset.reader import DatasetFolder
from robotdata.numbers import count as count_of

Scalar = bool | int | float | str
Place = Literal["all", "last"]
Recount = Literal["", "numbers", "all"]

_TASK_KEYS = ("task", "subtask")
"""What LeRobot adds to each frame that it loads."""
MAX_SIZE = 10_000


@dataclass(frozen=True, slots=True)
class Constant:
    """The same value, or list of values, in every row."""

    value: Scalar | Sequence[Scalar]

    @property
    def values(self) -> list[Scalar]:
        """The values of one row."""
        return [self.value] if isinstance(self.value, bool | int | float | str) else list(self.value)


@dataclass(frozen=True, slots=True)
class FromColumn:
    """The values of another column; `part`: only its values [first, end)."""

    key: str
    part: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class FromLabels:
    """A value for each episode by its labels.

    `values`: a value for each label. `at`: in all rows, or only in the last row of the episode, with False, 0 or "" in
    the others. `default`: the value of episodes that have none of these labels; None if there must be no such episode.
    """

    values: Mapping[str, Scalar]
    at: Place = "all"
    default: Scalar | None = None


SUCCESS = FromLabels({"success": True, "failure": False}, at="last")
"""What training reads as `next.success`: true in the last row of a successful episode."""

Source = Constant | FromColumn | FromLabels


@dataclass(frozen=True, slots=True)
class Added:
    """A new feature. `dtype` and `names` are those of its source where they are not given."""

    name: str
    source: Source
    dtype: str = ""
    names: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class FeatureChange:
    """Changes of one dataset that make one new revision.

    `rename`: new names by old ones. `robot_type`: None leaves it. `names`: new names of the values of a feature.
    `statistics`: compute those of the numbers again, or of `all`, which decodes frames of the cameras. `language`: new
    subtasks and remarks by the number of the episode, as JSON values; the columns are added where they are missing, and
    an empty mapping only adds them.
    """

    remove: Sequence[str] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    add: Sequence[Added] = ()
    robot_type: str | None = None
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    statistics: Recount = ""
    language: Mapping[str, Any] | None = None

    def __bool__(self) -> bool:
        return bool(
            self.remove or self.rename or self.add or self.robot_type is not None or self.names or self.statistics
        ) or (self.language is not None)

    def as_json(self) -> dict[str, Any]:
        """Return the change as JSON values, which `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FeatureChange:
        """Return the change that `as_json` returned. Raises LookupError or TypeError for anything else."""
        added = [
            Added(each["name"], _source(each["source"]), each.get("dtype") or "", each.get("names"))
            for each in value.get("add", ())
        ]
        plain = ("remove", "rename", "robot_type", "names", "statistics", "language")
        given = {name: value[name] for name in plain if name in value}
        return cls(**given, add=added)


def changed_features(base: DatasetFolder, change: FeatureChange) -> dict[str, Feature]:
    """Return the features of `info.json` after the change. Raises EditError and FeatureError if it cannot be made.

    Added features come last, as LeRobot writes them. Values are not read here.
    """
    if not change:
        raise EditError(f"{base.root.name}: there is nothing to change")
    if not base.episodes:
        raise EditError(f"{base.root.name} has no episodes: there is nothing to change")
    features = tidy_names(base.info["features"])
    _check_there(base, features, [*change.remove, *change.rename, *change.names])
    _check_once(base, change)
    for key, names in change.names.items():
        features[key] = _named(base, key, features[key], names)
    kept = [(change.rename.get(key, key), feature) for key, feature in features.items() if key not in change.remove]
    for name in (*change.rename.values(), *(added.name for added in change.add)):
        _check_new(base, name)
    kept += [(added.name, described(base, added)) for added in change.add]
    if change.language is not None:
        kept += [(name, feature) for name, feature in language_features().items() if name not in features]
    after: dict[str, Feature] = {}
    for name, feature in kept:
        if name in after:
            raise EditError(f"{base.root.name}: there would be two features named {name}; choose another name")
        after[name] = feature
    if not after.keys() - DEFAULT_FEATURES.keys():
        raise EditError(f"{base.root.name}: no feature of its own would be left; keep one, or delete the dataset")
    return after


def described(base: DatasetFolder, added: Added) -> Feature:
    """Return a new feature as `info.json` describes it. Raises EditError."""
    source = added.source
    if isinstance(source, FromColumn):
        return _copied(base, added, source)
    if isinstance(source, FromLabels):
        if not source.values:
            raise EditError(f"{added.name}: name the labels that it is written from")
        given = [*source.values.values(), *([] if source.default is None else [source.default])]
        return _feature(base, added, _dtype_of(given, added.dtype), 1, None)
    given = source.values
    dtype = _dtype_of(given, added.dtype)
    if dtype == "string" and len(given) > 1:
        raise EditError(f"{added.name}: a text feature holds one text in each row, not a list")
    return _feature(base, added, dtype, len(given), None)


def _source(value: Mapping[str, Any]) -> Source:
    if "value" in value:
        return Constant(value["value"])
    if "key" in value:
        part = value.get("part")
        return FromColumn(value["key"], (part[0], part[1]) if part else None)
    return FromLabels(dict(value["values"]), value.get("at", "all"), value.get("default"))


def _check_there(base: DatasetFolder, features: Mapping[str, Feature], keys: Sequence[str]) -> None:
    for key in keys:
        if key in DEFAULT_FEATURES:
            raise EditError(f"{base.root.name}: {key} cannot be removed or renamed, because LeRobot needs it")
        if key not in features:
            own = ", ".join(name for name in features if name not in DEFAULT_FEATURES)
            raise EditError(f"{base.root.name} has no feature {key!r}; it has {own}")


def _check_once(base: DatasetFolder, change: FeatureChange) -> None:
    """Raise EditError if two parts of the change contradict each other."""
    if len(set(change.remove)) < len(change.remove):
        raise EditError(f"{base.root.name}: a feature is listed twice; list each once")
    if both := set(change.remove) & {*change.rename, *change.names}:
        raise EditError(f"{base.root.name}: {min(both)} cannot be both removed and changed; choose one")


def _check_new(base: DatasetFolder, name: str) -> None:
    """Raise EditError or FeatureError if no feature may have this name."""
    check_key(name)
    if name in DEFAULT_FEATURES or name in _TASK_KEYS:
        raise EditError(f"{base.root.name}: {name} cannot be a feature's name: LeRobot fills that in itself")
    if name in LANGUAGE_COLUMNS:
        raise EditError(f"{base.root.name}: {name} is LeRobot's name for columns of language. Choose another")


def _named(base: DatasetFolder, key: str, feature: Feature, names: Sequence[str]) -> Feature:
    """Return a feature with other names of its values. Raises EditError."""
    if is_camera(feature) or feature["dtype"] not in NUMERIC_DTYPES:
        raise EditError(f"{base.root.name}: {key} holds no list of numbers, so its values have no names to change")
    _check_names(key, names, size_of(feature))
    return {**feature, "names": list(names)}


def _check_names(key: str, names: Sequence[str], count: int) -> None:
    if len(names) != count:
        raise EditError(
            f"{key} has {count_of(count, 'value')} and {len(names)} names are given: give one for each value"
        )
    if not all(name.strip() for name in names) or len(set(names)) < len(names):
        raise EditError(f"{key}: every value needs a name of its own")


def _copied(base: DatasetFolder, added: Added, source: FromColumn) -> Feature:
    """Return the feature that is written from another column."""
    feature = base.features.get(source.key)
    if feature is None:
        raise EditError(f"{base.root.name} has no feature {source.key!r} to copy from")
    dtype, shape = str(feature["dtype"]), list(feature["shape"])
    if dtype not in NUMERIC_DTYPES | {"string"}:
        raise EditError(f"{added.name}: {source.key} is of dtype {dtype}; only numbers and text can be copied")
    names = flat_names(feature)
    if source.part is None:
        made = _feature(base, added, added.dtype or dtype, size_of(feature), names)
        return made | {"shape": shape}
    first, end = source.part
    if len(shape) != 1 or dtype == "string" or not 0 <= first < end <= shape[0]:
        raise EditError(
            f"{added.name}: {source.key} has shape {shape}, so it has no values [{first}, {end}); "
            "a part is taken of a list of numbers"
        )
    part = names[first:end] if names and len(names) == shape[0] else None
    return _feature(base, added, added.dtype or dtype, end - first, part)


def _feature(base: DatasetFolder, added: Added, dtype: str, size: int, names: Sequence[str] | None) -> Feature:
    if dtype not in NUMERIC_DTYPES | {"string"}:
        raise EditError(f"{added.name}: {dtype!r} is not a type of a column; use bool, int64, float32 or string")
    if not 1 <= size <= MAX_SIZE:
        raise EditError(f"{added.name}: a row holds 1 to {MAX_SIZE} values, not {size}")
    if added.names is not None:
        _check_names(added.name, added.names, size)
        names = added.names
    return {"dtype": dtype, "shape": [size], "names": list(names) if names is not None and dtype != "string" else None}


def _dtype_of(values: Sequence[Scalar], wanted: str) -> str:
    """Return the type of a column that can hold these values: `wanted`, if it is given. Raises EditError."""
    kinds = {type(value) for value in values}
    for allowed, dtype in (({bool}, "bool"), ({int}, "int64"), ({int, float}, "float32"), ({str}, "string")):
        if kinds and kinds <= allowed:
            return wanted or dtype
    raise EditError("the values of a new feature are all yes or no, all numbers, or all text")
