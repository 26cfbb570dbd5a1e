"""Give the episodes of a copied dataset new UUIDs, because the original dataset has the old ones."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from django.conf import settings

from recorder.models import Episode, Operation
from recorder.models.states import EpisodeState, OperationState, OperationType
from recorder.text import parse_uuid
from robotdata.dataset.errors import EditError
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.sidecar import read_sidecar
from robotdata.files.replace import replace_text

_CHUNK_SIZE = 500
_WAIT_S = 5.0


def reassign_uuids(folder: Path, opened: DatasetFolder) -> DatasetFolder:
    """Return the dataset with new UUIDs for those episodes that another dataset had first, encoded or as takes.

    A new UUID is derived from the old one and the folder's name, so that it is always the same. A renamed folder keeps
    its UUIDs, because no other dataset has them. An episode that an unfinished move has put here, and not yet taken
    from the other dataset, keeps its UUID and is left out: it belongs to the other until the move has finished.

    Raise DatasetBusy, and EditError if the sidecar cannot be written.
    """
    shared = _shared_uuids(folder, opened)
    if not shared:
        return opened
    moving = _moving_uuids(folder.name)
    if all(str(pk) in moving for pk in shared.values()):
        return _without(opened, shared)
    with dataset_lock(folder, wait_s=_WAIT_S):
        opened = DatasetFolder.open(folder)
        shared, moving = _shared_uuids(folder, opened), _moving_uuids(folder.name)
        held = {text: pk for text, pk in shared.items() if str(pk) in moving}
        shared = {text: pk for text, pk in shared.items() if text not in held}
        if not shared:
            return _without(opened, held)
        entries = [
            {**entry, "uuid": _new_uuid(folder, shared[name])} if (name := str(entry.get("uuid"))) in shared else entry
            for entry in opened.sidecar.episodes
        ]
        try:
            replace_text(folder / SIDECAR, replace(opened.sidecar, episodes=entries).to_json())
        except OSError as error:
            raise EditError(
                f"{folder} is a copy: its episodes are also in another dataset, and they cannot get new UUIDs: "
                f"{error}; make it writable, or move it elsewhere"
            ) from error
        return _without(DatasetFolder.open(folder), held)


def _moving_uuids(slug: str) -> set[str]:
    """Return the UUIDs of episodes that an unfinished move, or the undo of one, brings to or from this dataset."""
    unfinished = Operation.objects.filter(
        type__in=[OperationType.MOVE, OperationType.UNDO], state__in=[OperationState.RUNNING, OperationState.FAILED]
    )
    moving: set[str] = set()
    for own_slug, arguments in unfinished.values_list("dataset__slug", "arguments"):
        if slug not in {own_slug, *(part["slug"] for part in [*arguments["into"], *arguments.get("remove", [])])}:
            continue
        if undone := arguments.get("undoes"):
            arguments = Operation.objects.filter(pk=undone).values_list("arguments", flat=True).first() or {"into": []}
        for part in arguments["into"]:
            moving |= set(part.get("episodes") or [])
    return moving


def _without(opened: DatasetFolder, held: Mapping[str, uuid.UUID]) -> DatasetFolder:
    """Return the dataset without these episodes; the others keep their numbers."""
    return (
        replace(opened, episodes=[info for info in opened.episodes if str(info.uuid) not in held]) if held else opened
    )


def _shared_uuids(folder: Path, opened: DatasetFolder) -> dict[str, uuid.UUID]:
    """Map sidecar UUID text to UUID for episodes that another dataset also has, in its rows and in its folder.

    A take that is not in its dataset yet has its UUID alone, because nothing else can encode its raw frames.
    """
    texts: dict[uuid.UUID, str] = {}
    for info in opened.episodes:
        if (pk := parse_uuid(info.uuid)) is not None:  # the generated id of another contains the folder's name
            texts[pk] = str(info.uuid)
    by_dataset: dict[str, set[uuid.UUID]] = {}
    shared: dict[str, uuid.UUID] = {}
    rows = Episode.objects.filter(purged_at=None).exclude(dataset__slug=folder.name)
    ids = list(texts)
    for first in range(0, len(ids), _CHUNK_SIZE):
        found = rows.filter(pk__in=ids[first : first + _CHUNK_SIZE])
        for pk, state, slug in found.values_list("pk", "state", "dataset__slug"):
            if state == EpisodeState.ENCODED:
                by_dataset.setdefault(slug, set()).add(pk)
            else:
                shared[texts[pk]] = pk
    for slug, pks in by_dataset.items():
        in_sidecar = {str(entry.get("uuid")) for entry in read_sidecar(Path(settings.DATASETS_DIR) / slug, []).episodes}
        shared |= {texts[pk]: pk for pk in pks if str(pk) in in_sidecar}
    return shared


def _new_uuid(folder: Path, old: uuid.UUID) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"robotdata:{folder.name}/{old}"))
