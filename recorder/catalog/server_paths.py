"""Paths of this computer that a person names: they must be readable, and hold nothing of robotdata's own."""

from __future__ import annotations

from pathlib import Path

from recorder.errors import Refused
from recorder.models.paths import datasets_root


def real_path(text: str, *, what: str) -> Path:
    """Return the real path of a file or folder of this computer. Raise Refused if it is not to be read.

    `what` is what the person should name instead: `the folder of a dataset`.
    """
    path = Path(text).expanduser()
    if "\0" in text or not path.is_absolute():
        raise Refused("invalid", f"{text!r} is not a path from the root of the disk: write it as /home/me/data.", 422)
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise Refused("no_folder", f"{path} cannot be read ({getattr(error, 'strerror', error)}).", 422) from error
    root = datasets_root().resolve()
    is_private = real.is_relative_to(root.parent) and not real.is_relative_to(root)
    is_hidden = real.is_relative_to(root) and any(part.startswith(".") for part in real.relative_to(root).parts)
    if is_private or is_hidden or root.is_relative_to(real):
        whose = "holds robotdata's own data" if root.is_relative_to(real) else "belongs to robotdata itself"
        raise Refused("elsewhere", f"{path} {whose}: name {what}.", 422)
    return real
