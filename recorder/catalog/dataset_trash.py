"""Rename a dataset; delete it to the trash, restore it from there, and delete it permanently."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from recorder.actor import Actor
from recorder.catalog.dataset_moves import (
    Pair,
    begin_rename,
    gone_path,
    move_all,
    places,
    places_in_trash,
    remove_entry,
    turned,
    write_entry,
)
from recorder.catalog.datasets import change_dataset, free_names, renamed_slug
from recorder.catalog.datasets_on_disk import LOCK_WAIT_S, refresh_dataset, save_settings
from recorder.catalog.take_files import remove_staging, set_aside
from recorder.errors import Refused
from recorder.models import Dataset, Episode, Operation, Session
from recorder.models.paths import datasets_root, trash_root
from recorder.models.permissions import Action, require
from recorder.models.states import EpisodeState
from recorder.text import format_time
from robotdata.dataset.errors import DatasetBusy
from robotdata.dataset.lock import dataset_locks
from robotdata.dataset.write.swap import recover_dataset
from robotdata.files.trees import remove_tree
from robotdata.spool.errors import TakeBusy

TRASH_KEPT = timedelta(days=7)
"""How long a deleted dataset can be restored."""
_BUSY_STATES = (EpisodeState.RECORDING, EpisodeState.ENCODING)


@dataclass(frozen=True, slots=True)
class Trashed:
    """A dataset in the trash, as pages and the API show it. `until`: when it is deleted permanently."""

    name: str
    slug: str
    title: str
    episodes: int
    by: str
    at: datetime
    until: datetime


def rename_dataset(*, dataset: Dataset, title: str, actor: Actor, folder: bool = False) -> Dataset:
    """Give the dataset another title; with `folder`, its folder and its address get another name, too.

    Raise Refused for a title that is empty or in use, and, with `folder`, while something runs on the dataset.
    """
    require(actor, Action.CONFIGURE_DATASET, dataset)
    slug = renamed_slug(dataset, title) if folder else dataset.slug
    if slug == dataset.slug:
        change_dataset(dataset=dataset, actor=actor, title=title)
        return dataset
    _refuse_busy(dataset, "renamed")
    old = dataset.slug
    with _locked(dataset, "renamed", dataset.path, dataset.path.with_name(slug)):
        _look_again(dataset, "renamed")
        _refuse_busy(dataset, "renamed")
        recover_dataset(dataset.path, dataset.work_path, dataset.revisions_path)
        change_dataset(dataset=dataset, actor=actor, title=title)
        note = begin_rename(old, slug)
        try:
            with _moved(list(zip(places(old), places(slug), strict=True))):
                _hold_row(dataset)
                _refuse_busy(dataset, "renamed")  # again: a session may have begun meanwhile
                Dataset.objects.filter(pk=dataset.pk).update(slug=slug, updated_at=timezone.now())
        except Refused:  # everything is where it was
            note.unlink()
            raise
        note.unlink()
    dataset.refresh_from_db()
    save_settings(dataset)
    return dataset


def trash_dataset(*, dataset: Dataset, actor: Actor) -> Trashed:
    """Move the dataset to the trash, with its revisions, takes and operations. Restore it within `TRASH_KEPT`.

    Raise Refused while a rig records into it, while something is encoded or changed, or if the disk refuses.
    """
    require(actor, Action.DELETE_DATASET, dataset)
    _refuse_busy(dataset, "deleted")
    _refuse_relative_link(dataset)
    slug, now = dataset.slug, timezone.now()
    name = f"{slug[:80]}+{secrets.token_hex(4)}"  # no dataset's name has a plus
    with _locked(dataset, "deleted", dataset.path):
        _look_again(dataset, "deleted")
        recover_dataset(dataset.path, dataset.work_path, dataset.revisions_path)
        said = {"slug": slug, "title": dataset.title, "by": actor.name, "at": now.isoformat()}
        write_entry(name, said)
        try:
            with _moved(list(zip(places(slug), places_in_trash(name, slug), strict=True))):
                _hold_row(dataset)
                _refuse_busy(dataset, "deleted")  # again: a session may have begun meanwhile
                fields = {"slug": name, "trashed_slug": slug, "trashed_at": now, "trashed_by": actor.name[:150]}
                Dataset.objects.filter(pk=dataset.pk).update(**fields, updated_at=now)
        except BaseException:
            remove_entry(name)
            raise
    return described(trashed_dataset(name))


def restore_dataset(*, name: str, actor: Actor) -> Dataset:
    """Bring a dataset back from the trash; under another folder name and title if a dataset has its own by now.

    Raise Refused (404) if it is not in the trash, and if the disk refuses.
    """
    row = trashed_dataset(name)
    require(actor, Action.DELETE_DATASET, row)
    slug, title = free_names(row.trashed_slug, row.title)
    with _locked(row, "restored", trash_root() / name, datasets_root() / slug):
        row = trashed_dataset(name)  # again: it may have been restored or deleted meanwhile
        said = {"slug": row.trashed_slug, "title": row.title, "by": row.trashed_by, "at": _iso(row.trashed_at)}
        write_entry(name, {**said, "restoring": slug})
        with _moved(list(zip(places_in_trash(name, row.trashed_slug), places(slug), strict=True))):
            fields = {"slug": slug, "title": title, "trashed_slug": "", "trashed_at": None, "trashed_by": ""}
            Dataset.with_trash.filter(pk=row.pk).update(**fields, updated_at=timezone.now())
        remove_entry(name)
    restored = Dataset.objects.get(pk=row.pk)
    save_settings(restored)
    refresh_dataset(dataset=restored)
    return restored


def delete_permanently(*, name: str, actor: Actor) -> None:
    """Delete a dataset in the trash: its files, revisions, takes and rows. This cannot be undone.

    Of a dataset that is a link only the link is deleted. Raise Refused (404) if it is not in the trash, and while
    something records into it or reads it.
    """
    row = trashed_dataset(name)
    require(actor, Action.DELETE_DATASET, row)
    entry, gone = trash_root() / name, gone_path(name)
    with _locked(row, "deleted", entry):
        row = trashed_dataset(name)  # again: it may have been restored meanwhile
        _refuse_busy(row, "deleted")
        takes = [str(pk) for pk in row.episodes.values_list("pk", flat=True)]
        write_entry(name, {"slug": row.trashed_slug, "title": row.title, "takes": takes})
        with _moved([(entry, gone)]):
            _delete_rows(row)
    clear_gone(gone, takes)


def clear_gone(gone: Path, takes: list[str]) -> None:
    """Delete the files of a dataset whose rows are deleted, and its takes. A take that is being written stays."""
    for take in takes:
        episode = Episode(pk=uuid.UUID(take))
        with suppress(TakeBusy, OSError):
            if (aside := set_aside(episode.take_path)) is not None:
                remove_tree(aside)
        remove_staging(episode.pk)
    remove_tree(gone)


def trashed_dataset(name: str) -> Dataset:
    """Return the row of a dataset in the trash. Raise Refused (404) if there is none of that name."""
    row = Dataset.with_trash.filter(slug=name).exclude(trashed_at=None).first()
    if row is None:
        raise _not_in_trash(name)
    return row


def _not_in_trash(name: str) -> Refused:
    message = f"There is no dataset {name!r} in the trash; GET /api/trash/datasets lists them."
    return Refused("not_in_trash", message, 404)


def trashed_datasets() -> list[Trashed]:
    """Return the datasets in the trash, the last deleted first."""
    return [described(row) for row in Dataset.with_trash.exclude(trashed_at=None).order_by("-trashed_at")]


def in_trash(slug: str) -> Trashed | None:
    """Return the dataset that had this slug and was deleted last; None if none of that slug is in the trash."""
    row = Dataset.with_trash.filter(trashed_slug=slug).exclude(trashed_at=None).order_by("-trashed_at").first()
    return None if row is None else described(row)


def described(row: Dataset) -> Trashed:
    """Return a row of the trash as it is shown."""
    at = row.trashed_at or timezone.now()
    return Trashed(row.slug, row.trashed_slug, row.title, row.total_episodes, row.trashed_by, at, at + TRASH_KEPT)


def _delete_rows(row: Dataset) -> None:
    """Delete the row, which must be in the trash, and all rows that refer to it. Raise Refused (404) if it is not."""
    there = Dataset.with_trash.filter(pk=row.pk, slug=row.slug, trashed_at__isnull=False)
    if not there.select_for_update().first():
        raise _not_in_trash(row.slug)
    _refuse_busy(row, "deleted")
    Operation.objects.filter(dataset=row).delete()
    row.episodes.all().delete()
    Session.objects.filter(dataset=row).delete()
    there.delete()


@contextmanager
def _locked(dataset: Dataset, done: str, *roots: Path) -> Iterator[None]:
    """Hold the locks of these folders. Raise Refused if another process has one, or if the disk refuses."""
    try:
        with dataset_locks(roots, wait_s=LOCK_WAIT_S):
            yield
    except DatasetBusy as error:
        raise Refused("busy", f"{dataset.title} cannot be {done} now: {error}.", 503) from error
    except OSError as error:
        reason = f"{error.strerror or error}; check the disk and its permissions"
        raise Refused("disk", f"{dataset.title} cannot be {done}: {reason}.", 503) from error


def _look_again(dataset: Dataset, done: str) -> None:
    """Read the row again, now that nobody else can move the folder. Raise Refused if somebody has moved it before."""
    if not Dataset.objects.filter(pk=dataset.pk, slug=dataset.slug).exists():
        message = f"{dataset.title} cannot be {done}: somebody has renamed or deleted it meanwhile. Reload the page."
        raise Refused("moved", message)
    dataset.refresh_from_db()


def _hold_row(dataset: Dataset) -> None:
    """Let no session begin into the dataset before this transaction ends."""
    Dataset.with_trash.select_for_update().get(pk=dataset.pk)


@contextmanager
def _moved(pairs: Sequence[Pair]) -> Iterator[None]:
    """Move files together with the rows that the block changes: all of it, or nothing."""
    try:
        with transaction.atomic():
            move_all(pairs)
            yield
    except BaseException:
        move_all(turned(pairs))
        raise


def _refuse_busy(dataset: Dataset, done: str) -> None:
    """Raise Refused, naming what runs, while a rig records into the dataset or an operation reads or writes it."""
    session = dataset.sessions.running().select_related("rig").first()
    if session is not None:
        message = (
            f"{dataset.title} cannot be {done} now: a session on {session.rig.name} records into it. End it first."
        )
        raise Refused("recording", message)
    if count := dataset.episodes.filter(state__in=_BUSY_STATES).count():
        takes = "a take is" if count == 1 else f"{count} takes are"
        raise Refused(
            "running", f"{dataset.title} cannot be {done} now: {takes} being recorded or encoded. Wait for it."
        )
    for operation in Operation.objects.open().select_related("dataset"):
        others = [str(part.get("slug")) for part in operation.arguments.get("into", [])]
        others += map(str, operation.arguments.get("others", []))
        if operation.dataset_id == dataset.pk or dataset.slug in others:
            since = format_time(operation.created_at)
            raise Refused(
                "running", f"{dataset.title} cannot be {done} now: {operation} runs since {since}. Wait, or cancel it."
            )


def _refuse_relative_link(dataset: Dataset) -> None:
    if dataset.path.is_symlink() and not dataset.path.readlink().is_absolute():
        message = (
            f"{dataset.path} is a relative link, which would point elsewhere from the trash: make it absolute first."
        )
        raise Refused("place", message)


def _iso(when: datetime | None) -> str:
    return (when or timezone.now()).isoformat()
