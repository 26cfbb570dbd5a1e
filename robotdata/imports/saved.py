"""Mappings that were saved under a name, one JSON file each, to be used for the next files."""

from __future__ import annotations

import re
from pathlib import Path

from robotdata.files.json_files import replace_json
from robotdata.files.plain_json import read_json
from robotdata.imports.errors import BadMapping
from robotdata.imports.mapping import Mapping, parse_mapping

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,79}")
_MOST_BYTES = 4 << 20


def saved_names(folder: Path) -> list[str]:
    """Return the names of the saved mappings, in alphabetical order."""
    return sorted(path.stem for path in folder.glob("*.json") if _NAME.fullmatch(path.stem))


def save_mapping(folder: Path, name: str, mapping: Mapping) -> None:
    """Save the mapping, replacing an earlier one of that name. Raises BadMapping if it is not a file name."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_json(folder / f"{_checked(name)}.json", mapping.to_json())


def load_mapping(folder: Path, name: str) -> Mapping:
    """Return the mapping of that name. Raises BadMapping if there is none, or if its file is invalid."""
    path = folder / f"{_checked(name)}.json"
    if not path.is_file():
        names = ", ".join(saved_names(folder)) or "none"
        raise BadMapping(f"there is no mapping {name!r}; saved are: {names}")
    return read_mapping(path)


def read_mapping(path: Path) -> Mapping:
    """Return the mapping in a JSON file. Raises BadMapping if it cannot be read or is invalid."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise BadMapping(f"{path.name} is longer than {_MOST_BYTES:,} bytes: it is not a mapping")
        return parse_mapping(read_json(data))
    except OSError as error:
        raise BadMapping(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadMapping(f"{path.name} {error}") from error


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadMapping(f"{name!r:.60} cannot be the name of a mapping: want letters, digits, dots, dashes and spaces")
    return name
