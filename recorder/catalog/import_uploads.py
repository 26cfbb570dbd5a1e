"""Files of other recorders that a browser uploads: each is named `upload:<id>` among the paths of an import.

They lie among the additions, in a hidden folder of the datasets, until the import that read them is done, or for a day.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from recorder.actor import Actor
from recorder.catalog.additions import begin_upload, cancel_addition, incoming
from recorder.errors import Refused
from recorder.models import Operation
from recorder.models.paths import datasets_root
from recorder.models.states import OperationState, OperationType
from recorder.text import parse_uuid
from robotdata.dataset.exchange.addition import INCOMING, Addition
from robotdata.imports.open import KINDS, READERS, reader_of

PREFIX = "upload:"
ENDINGS = (*READERS, ".zip")
"""What a file's name may end with."""
_FAILED_KEPT = timedelta(days=7)
"""How long the files of a failed import stay, so that it can be tried again."""


def begin_log_upload(*, name: str, size: int, actor: Actor) -> Addition:
    """Begin the upload of a file, or of a zip of a folder. Raise Refused for another kind, and if the disk is full."""
    if not name.lower().endswith(ENDINGS):
        message = f"{name} is of no kind that can be imported: {KINDS}. Zip a folder, or a ROS 2 bag, to upload it."
        raise Refused("invalid", message, 422)
    return begin_upload(name=name, size=size, actor=actor, logs=True)


def is_upload(path: str) -> bool:
    """Return whether a path of an import names an upload."""
    return path.startswith(PREFIX)


def uploaded_path(text: str) -> Path:
    """Return the file or folder of `upload:<id>`. Raise Refused if it is not there any more, or not complete."""
    pk = parse_uuid(text.removeprefix(PREFIX))
    folder = None if pk is None else incoming().files(str(pk))
    if folder is None:
        message = "The uploaded file is not on the server any more, or not complete: choose it again and look inside."
        raise Refused("no_upload", message, 404)
    return _inner(folder.resolve())  # the folder of the datasets may be a link to another disk


def uploads_of(paths: Iterable[str]) -> set[str]:
    """Return the ids of the uploads among the real paths of an import."""
    root = (datasets_root() / INCOMING).resolve()
    inside = [Path(path) for path in paths if Path(path).is_relative_to(root)]
    return {path.relative_to(root).parts[0] for path in inside if path != root}


def uploads_in_use() -> set[str]:
    """Return the ids of the uploads of imports that are not done: a failed one can be tried again for some days."""
    imports = Operation.objects.filter(type=OperationType.IMPORT)
    failed = imports.filter(state=OperationState.FAILED, updated_at__gt=timezone.now() - _FAILED_KEPT)
    rows = [*imports.open(), *failed]
    return {each for row in rows for each in uploads_of(row.arguments.get("paths", []))}


def remove_uploads(operation: Operation) -> None:
    """Remove the uploaded files that a finished import has read, unless another import still needs them."""
    for pk in uploads_of(operation.arguments["paths"]) - uploads_in_use():
        incoming().cancel(pk)


def cancel_unused(*, addition_id: str, actor: Actor) -> Addition:
    """Cancel an addition, or remove uploaded files. Raise Refused while an import still needs them."""
    if str(parse_uuid(addition_id)) in uploads_in_use():  # an id may be written without its dashes
        raise Refused("running", "An import still needs this file: wait for it, or cancel the import first.")
    return cancel_addition(addition_id=addition_id, actor=actor)


def _inner(folder: Path) -> Path:
    """Return the folder itself, or the only one in it, as zip files of a folder have it."""
    while reader_of(folder) is None:
        inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
        if len(inside) != 1 or not inside[0].is_dir():
            return folder
        folder = inside[0]
    return folder
