"""Write new files durably.

The folder is not synced: use these functions for folders that nothing reads until they are renamed.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_new_bytes(path: Path, data: bytes) -> None:
    """Write `data` to a new file. Raises FileExistsError if it exists."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_new_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to a new file, and create its folders. Lone surrogates are escaped."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_new_bytes(path, text.encode("utf-8", "backslashreplace"))
