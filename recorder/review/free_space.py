"""Free the disk of what nobody needs any more: revisions, rejected takes, downloads, the trash, copies, uploads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from recorder.actor import Actor
from recorder.catalog.additions import incoming
from recorder.catalog.dataset_trash import delete_permanently, trashed_dataset
from recorder.catalog.datasets_on_disk import LOCK_WAIT_S
from recorder.catalog.disk import Kind
from recorder.catalog.import_uploads import cancel_unused
from recorder.errors import Refused
from recorder.models import Dataset, Episode, Operation
from recorder.models.paths import datasets_root, exports_root, trash_root, work_of
from recorder.models.permissions import Action, require
from recorder.models.states import OperationType
from recorder.review.trash import empty_trash
from recorder.text import parse_uuid
from robotdata.dataset.errors import DatasetBusy
from robotdata.dataset.exchange.addition import INCOMING
from robotdata.dataset.exchange.snapshot import sent_of
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.write.swap import prune_revisions, recover_dataset
from robotdata.files.blocks import blocks_of
from robotdata.files.trees import remove_tree


def free_space(*, kind: Kind, name: str, actor: Actor) -> int:
    """Delete what an item of the disk's list is; return the bytes that this freed. It cannot be undone.

    Raise Refused if it is not there, in use, or of a kind that is not freed from the list; and if the disk refuses.
    """
    require(actor, Action.DELETE_DATASET)
    if kind not in _FREE:
        raise Refused("invalid", f"{kind.value} is not freed from this list: delete the dataset, or reject takes.", 422)
    try:
        return _FREE[kind](name, actor)
    except DatasetBusy as error:
        raise Refused("busy", f"Nothing was deleted: {error}. Try again in a moment.", 503) from error
    except OSError as error:
        reason = f"{error.strerror or error}; check the disk and its permissions"
        raise Refused("disk", f"Not everything could be deleted: {reason}.", 503) from error


def _revisions(name: str, actor: Actor) -> int:
    row = _dataset(name)
    require(actor, Action.DELETE_DATASET, row)
    if Operation.objects.filter(dataset=row).open().exists():
        raise Refused("running", f"{row.title} is being changed: free its revisions when that has finished.")
    with dataset_lock(row.path, wait_s=LOCK_WAIT_S):
        recover_dataset(row.path, row.work_path, row.revisions_path)
        freed = blocks_of([row.revisions_path]).freed
        prune_revisions(row.revisions_path, 0)
    return freed


def _rejected(name: str, actor: Actor) -> int:
    takes = list(Episode.objects.trashed().filter(dataset=_dataset(name)).select_related("dataset"))
    paths = [root / str(take.pk) for take in takes for root in map(Path, (settings.SPOOL_DIR, settings.STAGING_DIR))]
    freed = blocks_of(paths).freed
    empty_trash(episodes=takes, actor=actor)
    return freed


def _downloads(name: str, actor: Actor) -> int:
    row = _dataset(name)
    require(actor, Action.DELETE_DATASET, row)
    if Operation.objects.filter(dataset=row, type=OperationType.PUSH).open().exists():
        raise Refused("running", f"{row.title} is being sent: wait for the end of that, or cancel it.")
    return _remove(sent_of(row.work_path, row.slug))


def _trashed(name: str, actor: Actor) -> int:
    row = trashed_dataset(name)
    takes = [take.take_path for take in row.episodes.all()]
    freed = blocks_of([trash_root() / row.slug, *takes]).freed
    delete_permanently(name=name, actor=actor)
    return freed


def _export(name: str, actor: Actor) -> int:
    require(actor, Action.DELETE_DATASET)
    folder = exports_root() / name
    if folder.parent != exports_root() or not folder.is_dir():
        raise Refused("gone", f"There is no folder {name!r} any more. Reload the page.", 404)
    with dataset_lock(folder, wait_s=LOCK_WAIT_S):
        doomed = work_of(folder) / f"{folder.name}@deleted"
        doomed.parent.mkdir(exist_ok=True)
        remove_tree(doomed)
        folder.rename(doomed)  # half a copy must not look like a whole one
        return _remove([doomed])


def _upload(name: str, actor: Actor) -> int:
    if parse_uuid(name) is None or incoming().get(name) is None:
        raise Refused("gone", f"There is no upload {name!r} any more. Reload the page.", 404)
    freed = blocks_of([datasets_root() / INCOMING / name]).freed
    cancel_unused(addition_id=name, actor=actor)
    return freed


_FREE: dict[Kind, Callable[[str, Actor], int]] = {
    Kind.REVISIONS: _revisions,
    Kind.REJECTED: _rejected,
    Kind.DOWNLOADS: _downloads,
    Kind.TRASHED: _trashed,
    Kind.EXPORT: _export,
    Kind.UPLOAD: _upload,
}


def _dataset(name: str) -> Dataset:
    row = Dataset.objects.filter(slug=name).first()
    if row is None:
        raise Refused("no_dataset", f"There is no dataset {name!r}; GET /api/datasets lists them.", 404)
    return row


def _remove(folders: list[Path]) -> int:
    freed = blocks_of(folders).freed
    for folder in folders:
        remove_tree(folder)
    return freed
