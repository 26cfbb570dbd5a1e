"""Write the output of an encoder or a join completely or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robotdata.files.atomic_file import atomic_file
from robotdata.files.errors import OutputExists
from robotdata.video.errors import OutputExistsError


@contextmanager
def output_file(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary path as `atomic_file` does. Raises OutputExistsError where that raises OutputExists."""
    try:
        with atomic_file(path, overwrite=overwrite) as part:
            yield part
    except OutputExists as error:
        raise OutputExistsError(str(error)) from error.__cause__
