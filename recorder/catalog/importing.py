"""Import files of other recorders as takes: look at them, start the import, and keep mappings for the next files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from django.conf import settings

from recorder.actor import Actor
from recorder.catalog.datasets import create_dataset
from recorder.catalog.import_previews import preview_soon
from recorder.catalog.import_uploads import is_upload, uploaded_path
from recorder.catalog.server_paths import real_path
from recorder.errors import Refused
from recorder.jobs.operation_rows import begin_revising
from recorder.models import Dataset, Operation
from recorder.models.permissions import Action, require
from recorder.models.states import OperationType
from robotdata.imports import ImportsError, Mapping
from robotdata.imports.mapping import parse_mapping
from robotdata.imports.open import MOST_SOURCES, find_sources
from robotdata.imports.preview import Preview, preview_sources
from robotdata.imports.saved import load_mapping, save_mapping, saved_names
from robotdata.imports.stopping import stopped_by


@dataclass(frozen=True, slots=True)
class Changes:
    """What a person says instead of the mapping; None and "" leave the mapping's own."""

    fps: float | None = None
    task: str = ""
    robot_type: str = ""


def mappings_folder() -> Path:
    """Return the folder of the saved mappings."""
    return Path(settings.HOME) / "mappings"


def mapping_names() -> list[str]:
    """Return the names of the saved mappings."""
    return saved_names(mappings_folder())


def keep_mapping(*, name: str, value: Any, actor: Actor) -> Mapping:
    """Save a mapping under a name. Raise Refused if the name or the mapping is invalid, or it cannot be written."""
    require(actor, Action.ADD_DATASET)
    with _refused():
        mapping = parse_mapping(value)
        save_mapping(mappings_folder(), name, mapping)
    return mapping


def mapping_named(*, name: str, actor: Actor) -> Mapping:
    """Return a saved mapping. Raise Refused if there is none of that name."""
    require(actor, Action.ADD_DATASET)
    with _refused():
        return load_mapping(mappings_folder(), name)


def look_at(*, paths: Sequence[str], mapping: Any | None, changes: Changes, actor: Actor) -> Preview:
    """Return what files of this computer hold, and what would come of them. Raise Refused if a path is not to be read.

    Without `mapping`, one is proposed. Raise Refused (`running`) while large files are still being read: ask again.
    """
    _require_reading(paths, actor)
    with _refused():
        sources = _sources(paths)
        given = None if mapping is None else parse_mapping(mapping)

        def look(stop: Event) -> Preview:
            with stopped_by(stop):
                first = preview_sources(sources, given and changed(given, changes))
                if given is None and changes != Changes():
                    return preview_sources(sources, changed(first.mapping, changes))
                return first

        states = tuple((path, *_state(path)) for path in sources)
        key = (states, given and json.dumps(given.to_json(), sort_keys=True), changes)
        return preview_soon(f"{actor.kind} {actor.name}", key, look)


def start_import(*, paths: Sequence[str], dataset: str, mapping: Any, actor: Actor, again: str = "") -> Operation:
    """Start an import into the dataset of that slug or title, or into a new one of that title.

    What was imported before with the same mapping is not imported twice, unless `again` is a text that was not used
    for it before. Raise Refused for an invalid mapping or path, and while another operation runs on the dataset.
    """
    _require_reading(paths, actor)
    with _refused():
        sources = _sources(paths)
        parsed = parse_mapping(mapping)
    if not parsed.features:
        raise Refused("invalid", "The mapping names no feature: name at least the state, the action or a camera.", 422)
    arguments = {"paths": list(map(str, sources)), "mapping": parsed.to_json(), "again": again}
    row = _dataset(dataset, actor)
    return begin_revising(type=OperationType.IMPORT, dataset=row, actor=actor, arguments=arguments)


def changed(mapping: Mapping, changes: Changes) -> Mapping:
    """Return the mapping with what the person said instead. Raises BadMapping if that is invalid."""
    said = {"fps": changes.fps, "task": changes.task or None, "robot_type": changes.robot_type or None}
    return parse_mapping(mapping.to_json() | {name: value for name, value in said.items() if value is not None})


def _state(path: Path) -> tuple[int, int]:
    """Return what differs when a file was changed: its time in ns, and its size in bytes."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _dataset(name: str, actor: Actor) -> Dataset:
    row = Dataset.objects.filter(slug=name).first() or Dataset.objects.filter(title__iexact=name).first()
    return row or create_dataset(title=name, actor=actor)


def _require_reading(paths: Sequence[str], actor: Actor) -> None:
    """Raise Refused unless the actor may import, and may read these paths where they are the server's own."""
    require(actor, Action.ADD_DATASET)
    if not all(is_upload(path) for path in paths):
        require(actor, Action.READ_COMPUTER)


def _path(text: str) -> Path:
    return uploaded_path(text) if is_upload(text) else real_path(text, what="a file of another recorder")


def _sources(paths: Sequence[str]) -> list[Path]:
    sources = [each for path in paths for each in find_sources(_path(path))]
    if len(sources) > MOST_SOURCES:
        raise Refused("invalid", f"{len(sources):,} files are more than {MOST_SOURCES:,}: import them in parts.", 422)
    return list(dict.fromkeys(sources))


@contextmanager
def _refused() -> Iterator[None]:
    """Raise errors of an import, and of the disk, as Refused."""
    try:
        yield
    except ImportsError as error:
        text = str(error).rstrip(".")
        raise Refused("not_imported", f"{text[:1].upper()}{text[1:]}.", 422) from error
    except OSError as error:
        raise Refused(
            "not_read", f"{error.filename}: {error.strerror}. Check the disk and its permissions.", 503
        ) from (error)
