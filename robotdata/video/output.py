"""The file that an encoder or a join writes: whole or absent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robotdata.files.errors import OutputExists
from robotdata.files.whole_file import whole_file
from robotdata.video.errors import OutputExistsError


@contextmanager
def output_file(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """`whole_file` for this room. Raises OutputExistsError where it raises OutputExists."""
    try:
        with whole_file(path, overwrite=overwrite) as part:
            yield part
    except OutputExists as error:
        raise OutputExistsError(str(error)) from error.__cause__
