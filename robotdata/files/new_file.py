"""Write a file that does not exist yet, durably; for folders that nobody reads yet. Its name is not synced."""

from __future__ import annotations

import os
from pathlib import Path


def write_new_bytes(path: Path, data: bytes) -> None:
    """Write `data` to a new file. Raises FileExistsError where there is one."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_new_text(path: Path, text: str) -> None:
    """Write `text` in UTF-8 to a new file, and make its folders; lone surrogates are escaped."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_new_bytes(path, text.encode("utf-8", "backslashreplace"))
