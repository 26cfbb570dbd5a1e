"""Template filters of the sheets that change a dataset's time and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template

from recorder.models import Dataset
from robotdata.dataset.features import camera_keys, frame_size, is_depth, is_video

register = template.Library()


@register.filter
def colour_cameras(dataset: Dataset) -> list[dict[str, Any]]:
    """Return the dataset's cameras of colours: key, name, size as text, and whether it has videos."""
    features: Mapping[str, Any] = dataset.features
    cameras = []
    for key in camera_keys(features):
        if is_depth(features[key]):
            continue
        width, height = frame_size(features[key])
        name = key.removeprefix("observation.images.")
        cameras.append({"key": key, "name": name, "size": f"{width}×{height}", "video": is_video(features[key])})
    return cameras
