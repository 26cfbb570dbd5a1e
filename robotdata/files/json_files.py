"""JSON files, durable: as takes have them (replaced in one step) and as LeRobot writes them (new files)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from robotdata.files.new_file import write_new_text
from robotdata.files.replace import replace_bytes


def replace_json(path: Path, value: dict[str, Any]) -> None:
    """Replace the content of `path` by a JSON object; keys keep their order. Raises as `replace_bytes`."""
    replace_bytes(path, json_bytes(value))


def json_bytes(value: dict[str, Any]) -> bytes:
    """A JSON object in UTF-8, indented by one space, with a line end; lone surrogates are escaped."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def write_new_json(path: Path, value: Any, indent: int | None = 4, *, nan: bool = False) -> None:
    """Write a new JSON file as LeRobot writes it.

    With `nan`, NaN and infinity are written as Python and LeRobot write and read them, which no standard knows; else
    they raise ValueError.
    """
    write_new_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=nan))
