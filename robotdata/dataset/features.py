"""Features: the columns and cameras of a dataset, and how those of a rig differ from them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from robotdata.dataset.errors import Difference, FeatureError
from robotdata.dataset.language import LANGUAGE_COLUMNS
from robotdata.video.depth.scale import DepthScale, says_depth
from robotdata.video.errors import VideoError
from robotdata.video.rates import exact_rate

Feature: TypeAlias = dict[str, Any]
Features: TypeAlias = dict[str, Feature]

CAMERA_DTYPES = frozenset({"video", "image"})
TEXT_DTYPES = frozenset({"string", "language"})
NUMERIC_DTYPES = frozenset(
    {"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"}
)
DEFAULT_FEATURES: Features = {
    name: {"dtype": dtype, "shape": [1], "names": None}
    for name, dtype in (
        ("timestamp", "float32"),
        ("frame_index", "int64"),
        ("episode_index", "int64"),
        ("index", "int64"),
        ("task_index", "int64"),
    )
}
CAMERA_NAMES = ["height", "width", "channels"]
MIN_SIDE = 32
"""Least side of a camera frame in pixels. The AV1 encoder crashes below it."""
_KEY = re.compile(r"[^/\\\x00-\x1f{}]{1,200}")


def is_camera(feature: Mapping[str, Any]) -> bool:
    """Return whether a feature is a camera, stored as video or as images."""
    return feature.get("dtype") in CAMERA_DTYPES


def is_video(feature: Mapping[str, Any]) -> bool:
    """Return whether a feature is a camera stored as video."""
    return feature.get("dtype") == "video"


def is_image(feature: Mapping[str, Any]) -> bool:
    """Return whether a feature is a camera stored as images in the Parquet files."""
    return feature.get("dtype") == "image"


def is_depth(feature: Mapping[str, Any]) -> bool:
    """Return whether a camera is marked as depth, in one of LeRobot's ways."""
    return is_camera(feature) and (says_depth(feature.get("info")) or says_depth(feature.get("video_info")))


def depth_scale(feature: Mapping[str, Any]) -> DepthScale:
    """Return the scale of a depth camera's codes. Raises FeatureError if its `info` is invalid."""
    try:
        return DepthScale.of(feature.get("info") or {})
    except VideoError as error:
        raise FeatureError(f"a depth camera's info is invalid: {error}") from error


def depth_unit(feature: Mapping[str, Any]) -> str | None:
    """Return the unit of a depth camera's statistics, `m` or `mm`; None if it is not stated."""
    unit = (feature.get("info") or {}).get("depth_unit")
    return unit if unit in ("m", "mm") else None


def camera_keys(features: Mapping[str, Feature]) -> list[str]:
    """Return the keys of the cameras, in the order of the features."""
    return [key for key, feature in features.items() if is_camera(feature)]


def video_keys(features: Mapping[str, Feature]) -> list[str]:
    """Return the keys of the cameras that are stored as video."""
    return [key for key, feature in features.items() if is_video(feature)]


def frame_size(feature: Mapping[str, Any]) -> tuple[int, int]:
    """Return (width, height) of a camera's frames. Old datasets may declare the channels first."""
    shape, names = list(feature["shape"]), flat_names(feature) or []
    if shape[0] in (1, 3) and (shape[2] not in (1, 3) or (names and names[0].startswith("channel"))):
        return shape[2], shape[1]
    return shape[1], shape[0]


def size_of(feature: Mapping[str, Any]) -> int:
    """Return how many numbers a row of a numeric feature holds."""
    return math.prod(int(side) for side in feature["shape"])


def flat_names(feature: Mapping[str, Any]) -> list[str] | None:
    """Return the names of a feature's values as one flat list, for any nesting; None without names."""
    names = feature.get("names")
    if isinstance(names, Mapping):
        axes = list(names.values())
        names = axes if all(isinstance(axis, list) for axis in axes) else list(names)
    if not isinstance(names, list):
        return None
    return [str(name) for axis in names for name in (axis if isinstance(axis, list) else [axis])]


def tidy_names(features: Mapping[str, Mapping[str, Any]]) -> Features:
    """Return `features` with names nested one list deep made flat, if their number then matches."""
    return {key: _tidy(feature) for key, feature in features.items()}


def _tidy(feature: Mapping[str, Any]) -> Feature:
    names = feature.get("names")
    nested = isinstance(names, list) and any(isinstance(name, list) for name in names)
    flat = flat_names(feature) if nested and not is_camera(feature) else None
    return {**feature, "names": flat} if flat and len(flat) == size_of(feature) else dict(feature)


def complete(features: Mapping[str, Feature], *, encoded_here: bool = True) -> Features:
    """Return `features` as they are written: checked, ranks above 1 flattened, the five default features last.

    LeRobot's tools fail on numeric features of rank 2 or more. Frames that are only copied may have any size
    (`encoded_here` False). Raises FeatureError.
    """
    own: Features = {}
    for key, feature in features.items():
        if key in DEFAULT_FEATURES:
            continue
        _check(key, feature, encoded_here=encoded_here)
        own[key] = _normal(feature)
    return own | {key: dict(feature) for key, feature in DEFAULT_FEATURES.items()}


def differences(
    rig: Mapping[str, Feature], dataset: Mapping[str, Feature], rig_fps: float, dataset_fps: float
) -> list[Difference]:
    """Return how the rig's features and rate differ from the dataset's; empty if they match.

    Order, `info`, default features and a camera's names are not compared; nested names equal flat ones. Scale and unit
    of a depth camera are compared, because codes of two scales in one dataset would be read as wrong depths. A rig
    without language fits: its episodes get empty columns.
    """
    result = []
    if exact_rate(rig_fps) != exact_rate(dataset_fps):
        result.append(Difference("fps", f"{rig_fps:g}", f"{dataset_fps:g}"))
    keys = [key for key in {**dataset, **rig} if key not in DEFAULT_FEATURES]
    for key in keys:
        if key in LANGUAGE_COLUMNS and key not in rig:
            continue  # its episodes have no language
        if key not in rig or key not in dataset:
            result.append(Difference(key, _describe(rig.get(key)), _describe(dataset.get(key))))
        else:
            result += _feature_differences(key, rig[key], dataset[key])
    return result


def _feature_differences(key: str, rig: Feature, dataset: Feature) -> list[Difference]:
    """Return how one feature differs."""
    result = []
    if rig["dtype"] != dataset["dtype"]:
        result.append(Difference(f"{key} dtype", str(rig["dtype"]), str(dataset["dtype"])))
    camera = is_camera(rig) or is_camera(dataset)
    shapes = [list(f["shape"]) if camera else [size_of(f)] for f in (rig, dataset)]
    if shapes[0] != shapes[1]:
        result.append(Difference(f"{key} shape", str(shapes[0]), str(shapes[1])))
    result += _depth_differences(key, rig, dataset)
    rig_names, dataset_names = flat_names(rig) or [], flat_names(dataset) or []
    if not camera and rig_names and dataset_names and rig_names != dataset_names and shapes[0] == shapes[1]:
        wrong = [(a, b) for a, b in zip(rig_names, dataset_names, strict=False) if a != b]
        wrong = wrong or [(str(len(rig_names)), str(len(dataset_names)))]
        listed = [", ".join(pair[side] for pair in wrong[:8]) for side in (0, 1)]
        result.append(Difference(f"{key} names", *listed))
    return result


def _depth_differences(key: str, rig: Feature, dataset: Feature) -> list[Difference]:
    """Return how a camera differs in being depth, and in scale and unit."""
    if is_depth(rig) != is_depth(dataset):
        kinds = [("colour", "depth")[is_depth(feature)] for feature in (rig, dataset)]
        return [Difference(f"{key} frames", *kinds)]
    if not is_depth(rig):
        return []
    result = []
    scales = [depth_scale(feature) for feature in (rig, dataset)]
    if scales[0] != scales[1]:
        result.append(Difference(f"{key} depth scale", str(scales[0]), str(scales[1])))
    units = [depth_unit(feature) or "not given" for feature in (rig, dataset)]
    if units[0] != units[1]:
        result.append(Difference(f"{key} depth unit", units[0], units[1]))
    return result


def _describe(feature: Feature | None) -> str:
    """Return dtype and shape as text."""
    return "missing" if feature is None else f"{feature['dtype']} {list(feature['shape'])}"


def check_key(key: str) -> None:
    """Raise FeatureError if LeRobot could not use `key` as the name of a feature, and of a camera's folder."""
    if not _KEY.fullmatch(key) or key in {".", ".."}:
        raise FeatureError(f"feature {key!r}: a name has 1 to 200 characters, and no slash, brace or control character")


def _check(key: str, feature: Mapping[str, Any], *, encoded_here: bool) -> None:
    """Raise FeatureError if LeRobot could not read the feature."""
    check_key(key)
    dtype, shape = feature.get("dtype"), feature.get("shape")
    if dtype not in CAMERA_DTYPES | TEXT_DTYPES | NUMERIC_DTYPES:
        raise FeatureError(f"feature {key!r} has dtype {dtype!r}; want a number, string, image or video")
    if not isinstance(shape, list | tuple) or not shape or not all(type(n) is int and n > 0 for n in shape):
        raise FeatureError(f"feature {key!r} has shape {shape!r}; want a list of whole numbers above 0")
    if is_camera(feature):
        _check_camera(key, list(shape), depth=is_depth(feature), encoded_here=encoded_here)
    elif dtype in TEXT_DTYPES and list(shape) != [1]:
        raise FeatureError(f"feature {key!r} is text and has shape {shape!r}; want [1]")


def _check_camera(key: str, shape: list[int], *, depth: bool, encoded_here: bool) -> None:
    """Raise FeatureError if frames of this shape cannot be encoded."""
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise FeatureError(f"camera {key!r} has shape {shape}; want [height, width, 3], or 1 for depth")
    if depth and shape[2] != 1:
        raise FeatureError(f"camera {key!r} is marked as depth and has shape {shape}; want one channel")
    if encoded_here and (shape[0] % 2 or shape[1] % 2 or min(shape[:2]) < MIN_SIDE):
        raise FeatureError(f"camera {key!r} is {shape[1]}x{shape[0]}; sides must be even and {MIN_SIDE} or more")


def _normal(feature: Mapping[str, Any]) -> Feature:
    """Return a feature as it is written."""
    normal = dict(feature)
    normal.pop("fps", None)
    if is_camera(feature):
        normal["shape"] = list(feature["shape"])
        normal["names"] = list(CAMERA_NAMES)
        return normal
    if feature["dtype"] in TEXT_DTYPES:
        return normal | {"shape": [1], "names": None}
    count = size_of(feature)
    names = flat_names(feature)
    if names is not None and len(names) != count:
        names = None
    if names is None and len(feature["shape"]) > 1:
        names = ["_".join(map(str, index)) for index in np.ndindex(*feature["shape"])]
    return normal | {"shape": [count], "names": names}
