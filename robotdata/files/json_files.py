"""Write JSON files durably: in the format of takes (replaced atomically) and in LeRobot's format (new files)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from robotdata.files.new_file import write_new_text
from robotdata.files.replace import replace_bytes


def replace_json(path: Path, value: dict[str, Any]) -> None:
    """Replace the content of `path` by a JSON object atomically; keys keep their order. Raises as `replace_bytes`."""
    replace_bytes(path, json_bytes(value))


def json_bytes(value: dict[str, Any]) -> bytes:
    """Return a JSON object as UTF-8, indented by one space, with a newline at the end.

    Lone surrogates are escaped. Raises ValueError for NaN and infinity.
    """
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def write_new_json(path: Path, value: Any, indent: int | None = 4, *, nan: bool = False) -> None:
    """Write a new JSON file in the format of LeRobot.

    With `nan`, NaN and infinity are written as `NaN` and `Infinity`, which Python and LeRobot read although the JSON
    standard has no such values; without it they raise ValueError.
    """
    write_new_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=nan))
