"""Open a file or folder with the reader of its kind, and find those in a folder."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from robotdata.imports.bags import BagSource, is_sqlite_bag
from robotdata.imports.errors import BadSource
from robotdata.imports.hdf5 import Hdf5Source
from robotdata.imports.mcap_log import McapSource
from robotdata.imports.streams import Source
from robotdata.imports.video_folder import VideoFolder, is_video_folder
from robotdata.imports.zarr_buffers import ZarrSource

READERS: dict[str, Callable[[Path], Source]] = {
    ".hdf5": Hdf5Source,
    ".h5": Hdf5Source,
    ".zarr.zip": ZarrSource,
    ".mcap": McapSource,
    ".bag": BagSource,
}
"""The reader for each ending of a file's name."""

KINDS = (
    "HDF5 (.hdf5, .h5), zarr (a folder, or .zarr.zip), MCAP (.mcap), ROS 1 bags (.bag), ROS 2 bags (a folder), a "
    "folder of videos with a CSV file"
)
"""What can be read, for people."""
MOST_SOURCES = 5_000


def open_source(path: Path) -> Source:
    """Open the file or folder. Raises BadSource if there is none of a known kind, and what its reader raises."""
    if not path.exists():
        raise BadSource(path, f"does not exist in {path.parent}")
    reader = reader_of(path)
    if reader is None:
        raise BadSource(path, f"is of no kind that can be imported; these can: {KINDS}")
    return reader(path)


def find_sources(path: Path) -> list[Path]:
    """Return the file or folder itself if it is of a known kind, else those of its own files and folders that are.

    They are in the order in which people count: episode_2 before episode_10. Raises BadSource if there is none.
    """
    if not path.exists():
        raise BadSource(path, f"does not exist in {path.parent}")
    if reader_of(path) is not None or not path.is_dir():
        return [path]
    found = [each for each in path.iterdir() if not each.name.startswith(".") and reader_of(each) is not None]
    if not found:
        raise BadSource(path, f"holds nothing that can be imported; these kinds can: {KINDS}")
    if len(found) > MOST_SOURCES:
        raise BadSource(path, f"holds {len(found):,} files that can be imported; name at most {MOST_SOURCES:,} at once")
    return sorted(found, key=_in_order)


def reader_of(path: Path) -> Callable[[Path], Source] | None:
    """Return the reader for this file or folder; None if it is of no known kind."""
    name = path.name.lower()
    if path.is_file():
        return next((reader for ending, reader in READERS.items() if name.endswith(ending)), None)
    if any((path / each).is_file() for each in (".zgroup", "zarr.json", "data/.zgroup")):
        return ZarrSource
    if path.is_dir() and is_sqlite_bag(path):
        return BagSource
    return VideoFolder if path.is_dir() and is_video_folder(path) else None


def _in_order(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", path.name)]
