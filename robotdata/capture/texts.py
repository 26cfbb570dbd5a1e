"""The texts of a take: its task, and text features in rows.

A row stores text as UTF-8 in a fixed number of bytes, so that all rows of a take have the same layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEXT_BYTES = 256
"""Bytes of UTF-8 that a row reserves for a text; a longer one is refused."""


def tidy_task(text: str) -> str:
    """Return `text` without leading and trailing space, each run of white space within as one space.

    Every entry point for a task calls this, so that tasks that look the same are the same.
    """
    return " ".join(text.split())


def pack_text(value: Any) -> bytes:
    """Return a text, a str or an array that holds one, as `TEXT_BYTES` bytes, padded with zeros.

    Raises ValueError if `value` is not a text, is too long, contains NUL or cannot be encoded as UTF-8.
    """
    import numpy as np  # not above: the server needs the module for tasks only

    text = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
    if not isinstance(text, str):
        raise ValueError(f"a {type(text).__name__} instead of text")
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"a text that cannot be written as UTF-8 ({error.reason})") from error
    if b"\0" in data:
        raise ValueError("a text with a NUL character")
    if len(data) > TEXT_BYTES:
        raise ValueError(f"a text of {len(data)} bytes; a row holds at most {TEXT_BYTES}")
    return data.ljust(TEXT_BYTES, b"\0")


def unpack_texts(packed: NDArray[Any]) -> list[str]:
    """Return the texts of `packed`, uint8 of shape (rows, TEXT_BYTES)."""
    import numpy as np

    rows = np.ascontiguousarray(packed, np.uint8)
    return [row.tobytes().rstrip(b"\0").decode("utf-8", "replace") for row in rows]
