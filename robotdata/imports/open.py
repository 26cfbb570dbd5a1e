"""Open a file or folder with the reader of its kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from robotdata.imports.errors import BadSource
from robotdata.imports.hdf5 import Hdf5Source
from robotdata.imports.streams import Source

READERS: dict[str, Callable[[Path], Source]] = {
    ".hdf5": Hdf5Source,
    ".h5": Hdf5Source,
}
"""The reader for each ending of a file's name."""

KINDS = "HDF5 (.hdf5)"
"""What can be read, for people."""


def open_source(path: Path) -> Source:
    """Open the file or folder. Raises BadSource if there is none of a known kind, and what its reader raises."""
    if not path.exists():
        raise BadSource(path, f"does not exist in {path.parent}")
    reader = READERS.get(path.suffix.lower())
    if reader is None or not path.is_file():
        raise BadSource(path, f"is of no kind that can be imported; these can: {KINDS}")
    return reader(path)
