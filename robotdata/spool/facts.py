"""Check a take's metadata field by field: its `take.json`, and the summary that a rig sends.

An invalid required field makes the whole unusable. Any other invalid field is left out, as if it were missing, and
reported in `Facts.odd`; the file itself keeps it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from robotdata.capture.actions import ACTIONS
from robotdata.spool.fields import Fields, OddField, short_repr
from robotdata.spool.language import Language, LanguageError

FORMAT = "robotdata-take"
VERSION = 1
STATES = ("recording", "recorded", "interrupted")
VERDICTS = ("unreviewed", "keep", "reject")
MAX_TICKS = 2**31 - 1
MAX_NUMBER = 2**31 - 2
"""The highest number of an episode: the count of its dataset, one more, still fits into a 32-bit column."""
MAX_FPS = 1000
MAX_SIDE = 65_536
LONGEST = {"task": 1_000, "note": 10_000, "label": 100}
MOST_LABELS = 100
_MOST_MARKS = 10_000
_TEXTS = {"rig": 200, "robot_type": 200, "dataset": 200, "session": 200, "operator": 150, "id": 200}
_DEFAULTS: dict[str, Callable[[], Any]] = {name: str for name in (*_TEXTS, "task")}
_DEFAULTS |= {"marks": list, "rig_marks": list, "counters": dict, "cameras_frames": dict, "curation": dict}
_SEVERITIES = ("note", "warn", "bad")
_CODECS = ("mjpeg", "png")
_LONGEST_TASK = 2_000  # the limit of a database row; people may enter LONGEST["task"]


class Facts(dict[str, Any]):
    """The checked metadata of a take, with its unknown keys. `raw` is the unchecked original, `odd` what is invalid."""

    def __init__(self, checked: Mapping[str, Any], raw: dict[str, Any], odd: list[OddField]) -> None:
        super().__init__(checked)
        self.raw = raw
        self.odd = odd

    def odd_in(self, *names: str) -> list[OddField]:
        """Return the invalid fields within these top-level fields."""
        return [field for field in self.odd if field.name in names]


def check_manifest(value: Any) -> Facts:
    """Return the checked content of a `take.json`; raise ValueError naming a required field that is invalid."""
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ValueError(f"is not of format {FORMAT!r}")
    if type(value.get("version")) is not int or value["version"] != VERSION:
        raise ValueError(f"has version {short_repr(value.get('version'))}, this program reads {VERSION}")
    for name in ("features", "cameras"):
        if not isinstance(value.get(name), dict):
            raise ValueError(f"has no usable {name!r}: it must be an object, but is {short_repr(value.get(name))}")
    for key in value["cameras"]:
        if not _is_file_name(key):
            raise ValueError(f"names a camera {short_repr(key)}, which is not a file name")
    _check_required(value, ("state", "ticks", "fps"))
    facts = _check(value)
    for name, default in _DEFAULTS.items():
        if name != "rig_marks":  # its presence means that the take has been measured
            facts.setdefault(name, default())
    return facts


def check_summary(value: Mapping[str, Any]) -> Facts:
    """Return a rig's checked summary of a take. Raises ValueError if its state, ticks or fps is invalid."""
    given = {name: item for name, item in value.items() if item is not None}
    _check_required(given, ("state", *(name for name in ("ticks", "fps") if name in given)))
    return _check(value)


def check_features(value: Mapping[str, Any]) -> tuple[dict[str, Any], list[OddField]]:
    """Return LeRobot's features without the invalid ones, and the invalid fields."""
    fields = Fields({"features": dict(value)})
    fields.inner("features", _check_features)
    return fields.checked["features"], fields.odd


def check_text(value: Any, longest: int) -> str:
    """Return the text. Raises ValueError, whose message is what it must be, unless it is text of that length."""
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError(f"a text of at most {longest} characters")
    return value


def is_span(value: Any, ticks: int) -> bool:
    """Return whether `value` is a span [first, end) of at least one of `ticks` ticks."""
    is_pair = isinstance(value, list) and len(value) == 2 and all(type(x) is int for x in value)
    return is_pair and 0 <= value[0] < value[1] <= ticks


def is_language(value: Any, ticks: int) -> bool:
    """Return whether `value` can be the language of a take of so many ticks."""
    try:
        Language.parse(value, ticks)
    except LanguageError:
        return False
    return True


def is_number(value: Any) -> bool:
    """Return whether `value` can be the number of an episode in its dataset."""
    return type(value) is int and 1 <= value <= MAX_NUMBER


def _check_required(value: Mapping[str, Any], names: tuple[str, ...]) -> None:
    state, ticks, fps = (value.get(name) for name in ("state", "ticks", "fps"))
    valid = {
        "state": isinstance(state, str) and state in STATES,
        "ticks": type(ticks) is int and 0 <= ticks <= MAX_TICKS,
        "fps": isinstance(fps, int | float) and not isinstance(fps, bool) and 0 < fps <= MAX_FPS,
    }
    expected = {
        "state": f"one of {', '.join(STATES)}",
        "ticks": f"a whole number, 0 to {MAX_TICKS}",
        "fps": f"a number above 0, up to {MAX_FPS}",
    }
    for name in names:
        if not valid[name]:
            raise ValueError(
                f"has no usable {name!r}: it must be {expected[name]}, but is {short_repr(value.get(name))}"
            )


def _check(value: Mapping[str, Any]) -> Facts:
    fields = Fields(value)
    for name, longest in _TEXTS.items():
        fields.text(name, longest)
    fields.text("task", _LONGEST_TASK)
    fields.text("end_reason", 200, or_none=True)
    fields.check("number", is_number, f"a whole number, 1 to {MAX_NUMBER}")
    fields.check("recorded_action", lambda v: v in ACTIONS, " or ".join(ACTIONS))
    for name in ("started_at", "ended_at"):
        fields.timestamp(name)
    fields.number("duration_s", 0, 1e9)
    fields.number("rate_hz", 0, 1e6)
    fields.objects("cameras_frames", lambda item: type(item) is int and 0 <= item <= MAX_TICKS, "a whole number")
    fields.objects("counters", _is_counter, "a number, or an object of numbers")
    fields.objects("recovery", lambda item: True, "anything")
    ticks = value.get("ticks") or 0
    for name in ("marks", "rig_marks"):
        fields.items(name, check_mark, _MOST_MARKS)
    fields.inner("curation", lambda inner: _check_curation(inner, ticks))
    if isinstance(value.get("features"), dict):
        fields.inner("features", _check_features)
    if isinstance(value.get("cameras"), dict):
        fields.inner("cameras", lambda inner: _check_cameras(inner, fields.checked.get("features", {})))
    for name in value.keys() & _DEFAULTS.keys():
        fields.checked.setdefault(name, _DEFAULTS[name]())
    return Facts(fields.checked, dict(value), fields.odd)


def _check_curation(fields: Fields, ticks: int) -> None:
    fields.check("verdict", lambda v: isinstance(v, str) and v in VERDICTS, f"one of {', '.join(VERDICTS)}")
    fields.items("labels", lambda item: check_text(item, LONGEST["label"]), MOST_LABELS)
    fields.check("rating", lambda v: v is None or (type(v) is int and 1 <= v <= 5), "1 to 5 or null")
    fields.text("note", LONGEST["note"])
    fields.check("trim", lambda v: v is None or is_span(v, ticks), f"[first, end) within 0 and {ticks}, or null")
    fields.check("language", lambda v: is_language(v, ticks), "subtasks and remarks within the take, or null")
    fields.items("history", _check_entry, 10_000)


def _check_entry(value: Any) -> Any:
    """Return a history entry without its invalid fields. Raises ValueError, saying what it must be, if it is none."""
    if not isinstance(value, dict) or not isinstance(value.get("changes"), dict):
        raise ValueError("an object with the changes in it")
    entry = Fields(value)
    entry.timestamp("at")
    entry.text("by", 150)
    return entry.checked


def check_mark(value: Any) -> Any:
    """Return a mark without its invalid fields. Raises ValueError, saying what it must be, if it is none."""
    if not isinstance(value, dict):
        raise ValueError("an object")
    code = value.get("code")
    if not isinstance(code, str) or not code.replace("_", "").isalnum() or len(code) > 40:
        raise ValueError("an object with a code of letters")
    mark = Fields(value)
    for name in ("camera", "feature"):
        mark.text(name, 200, or_none=True)
    mark.text("text", 2_000)
    mark.text("source", 40)
    mark.text("other", 200)
    mark.check("severity", lambda v: v in _SEVERITIES if isinstance(v, str) else False, "note, warn or bad")
    for name in ("from_tick", "to_tick", "frame"):
        mark.check(name, lambda v: v is None or (type(v) is int and 0 <= v <= MAX_TICKS), "a tick")
    return mark.checked


def _check_features(fields: Fields) -> None:
    for key in list(fields.checked):
        if not key or len(key) > 200 or not _is_text(key):
            fields.put_aside(key, "a feature with a name of 1 to 200 characters")
        else:
            fields.inner(key, _check_feature, needed=("dtype", "shape"))


def _check_feature(fields: Fields) -> None:
    fields.check("dtype", lambda v: isinstance(v, str) and 0 < len(v) <= 40 and _is_text(v), "the name of a type")
    fields.check("shape", _is_shape, "a list of sides")
    is_image = fields.checked.get("dtype") in ("video", "image")
    if is_image and len(fields.checked.get("shape", ())) != 3:
        fields.put_aside("shape", "three sides, as an image has")
    fields.check("names", _are_names, "a list of names")
    for name in ("info", "video_info"):
        fields.check(name, lambda v: v is None or isinstance(v, dict), "an object")


def _check_cameras(fields: Fields, features: Mapping[str, Any]) -> None:
    for key in list(fields.checked):
        shape = features.get(key, {}).get("shape", ())
        shape = shape if len(shape) == 3 else [0, 0, 3]
        defaults = {"codec": "png" if shape[2] == 1 else "mjpeg", "width": shape[1], "height": shape[0]}
        if not isinstance(fields.checked[key], dict):
            fields.put_aside(key, "an object")
        else:
            fields.inner(key, _check_camera)
        fields.checked[key] = defaults | fields.checked.get(key, {})


def _check_camera(fields: Fields) -> None:
    fields.check("codec", lambda v: isinstance(v, str) and v in _CODECS, f"one of {', '.join(_CODECS)}")
    for name in ("width", "height"):
        fields.check(name, _is_side, f"pixels, 1 to {MAX_SIDE}")


def _is_counter(value: Any, depth: int = 3) -> bool:
    if isinstance(value, dict):
        return depth > 0 and all(_is_counter(item, depth - 1) for item in value.values())
    return value is None or (isinstance(value, int | float) and abs(value) < 2**63)


def _is_side(value: Any) -> bool:
    return type(value) is int and 1 <= value <= MAX_SIDE


def _is_shape(value: Any) -> bool:
    """Return whether `value` is a shape that Arrow can store: it limits a fixed-size list to fewer than 2^31 items."""
    are_sides = isinstance(value, list) and 0 < len(value) <= 8 and all(type(x) is int and x > 0 for x in value)
    return are_sides and math.prod(value) < 2**31


def _are_names(value: Any) -> bool:
    """Return whether `value` is None, names, or names nested as LeRobot does: in lists of lists or a dict of lists."""
    if isinstance(value, dict):
        return all(_is_text(key) and _are_names(item) for key, item in value.items())
    if isinstance(value, list):
        return len(value) <= 10_000 and all(_are_names(item) for item in value if item is not None)
    return value is None or (isinstance(value, str) and len(value) <= 1_000 and _is_text(value))


def _is_file_name(key: str) -> bool:
    plain = bool(key) and "/" not in key and not key.startswith(".") and "\0" not in key
    return plain and _is_text(key) and len(key.encode()) <= 200


def _is_text(value: str) -> bool:
    """Return whether `value` can be encoded as UTF-8: file systems and columns refuse lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
