"""A folder among the datasets of which a new dataset is made: it is read only where it lies itself."""

from __future__ import annotations

from pathlib import Path

from recorder.errors import Refused
from recorder.models.paths import datasets_root


def source_folder(name: str, *, verb: str) -> Path:
    """Return the folder `name` among the datasets, with links followed. Raise Refused if it is a link out of them.

    What is read is then the folder that was checked, even if somebody changes the link meanwhile.

    `verb`: what is done with it, for the message: repair or convert.
    """
    folder = datasets_root() / name
    real = folder.resolve()
    if real.parent != datasets_root().resolve():
        problem = f"{folder} points outside {datasets_root()}, to {real}"
        raise Refused("elsewhere", f"{problem}: replace the link with the folder, then {verb} that.", 422)
    return real
