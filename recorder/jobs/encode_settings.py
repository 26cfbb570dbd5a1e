"""Convert a dataset's encoding, stored as JSON in its row, into the encoder's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recorder.errors import Refused
from robotdata.video import EncodeSettings, FrameSizeError, VideoError, check_picture_size

_PRESET_NUMBERS = {"libsvtav1", "libaom-av1"}
_SETTING_NAMES = {"codec", "pix_fmt", "g", "crf", "preset", "fast_decode", "extra_options"}


def encode_settings(encoding: Mapping[str, Any], *, threads: int | None = None) -> EncodeSettings:
    """Return the encoder's settings for `encoding`. Raise Refused for a setting or value that does not exist.

    A preset of another encoder family (`12` belongs to AV1, `medium` to H.264) is replaced by the codec's default.
    """
    if unknown := encoding.keys() - _SETTING_NAMES:
        raise Refused(
            "invalid", f"Encoding: unknown setting {', '.join(sorted(unknown))}; choose from {_setting_names()}.", 422
        )
    values = {name: value for name, value in encoding.items() if value is not None}
    preset = values.get("preset")
    if preset is not None and str(preset).isdecimal() != (values.get("codec", "libsvtav1") in _PRESET_NUMBERS):
        del values["preset"]
    try:
        return EncodeSettings(**values, threads=threads)
    except (VideoError, TypeError) as error:
        raise Refused("invalid", f"Encoding: {error}", 422) from error


def size_problem(features: Mapping[str, Any], settings: EncodeSettings) -> str:
    """Return which camera's frames these settings cannot encode, and why; empty if they can encode all.

    `features` are those of LeRobot. Depth has its own settings and is not checked.
    """
    for key, feature in features.items():
        shape = feature.get("shape", ())
        if feature.get("dtype") != "video" or len(shape) != 3 or shape[2] != 3:
            continue
        try:
            check_picture_size(settings, int(shape[1]), int(shape[0]))
        except FrameSizeError as error:
            return f"Camera {key.removeprefix('observation.images.')} cannot be encoded: {error}."
    return ""


def _setting_names() -> str:
    return ", ".join(sorted(_SETTING_NAMES))
