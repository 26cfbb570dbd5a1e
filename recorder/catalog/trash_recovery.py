"""Complete or take back what a killed process left between a dataset's place and the trash; empty the trash in time."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.utils import timezone

from recorder.actor import WORKER
from recorder.alone import isolate_errors
from recorder.catalog.dataset_moves import (
    ENTRY,
    Note,
    entries,
    gone_entries,
    move_all,
    name_of_gone,
    places,
    places_in_trash,
    read_note,
    remove_entry,
    rename_notes,
    turned,
    write_entry,
)
from recorder.catalog.dataset_trash import TRASH_KEPT, clear_gone, delete_permanently
from recorder.errors import Refused
from recorder.models import Dataset
from recorder.models.paths import datasets_root, trash_root
from recorder.text import parse_uuid, sanitize_json
from robotdata.dataset.errors import DatasetBusy
from robotdata.dataset.lock import dataset_locks
from robotdata.dataset.write.swap import is_fresh
from robotdata.spool.fields import parse_timestamp

log = logging.getLogger(__name__)


def recover_trash() -> int:
    """Bring folders and rows into agreement after a crash; return how many did not agree. Idempotent.

    Runs before new folders are looked for, so that a dataset on its way is not taken for a new one.
    """
    repaired = 0
    for note in rename_notes():
        with isolate_errors(f"The rename {note.path.name}", log), suppress(DatasetBusy):
            repaired += _recover_rename(note)
    for note in entries():
        with isolate_errors(f"The trash {note.path.parent.name}", log), suppress(DatasetBusy):
            repaired += _recover_entry(note)
    for gone in gone_entries():
        with isolate_errors(f"The trash {gone.name}", log), suppress(DatasetBusy):
            name = name_of_gone(gone)
            with dataset_locks([trash_root() / name]):
                repaired += 1
                if Dataset.with_trash.filter(slug=name).exists():
                    move_all([(gone, gone.with_name(name))])
                    continue
                takes = read_note(gone / ENTRY).get("takes")
                clear_gone(gone, [each for each in takes if parse_uuid(each)] if isinstance(takes, list) else [])
    return repaired


def empty_old_trash(now: datetime | None = None) -> int:
    """Delete datasets that have been in the trash for longer than `TRASH_KEPT`; return how many."""
    due = Dataset.with_trash.filter(trashed_at__lt=(now or timezone.now()) - TRASH_KEPT)
    deleted = 0
    for name in due.values_list("slug", flat=True):
        with isolate_errors(f"Deleting {name} from the trash", log), suppress(Refused):
            delete_permanently(name=name, actor=WORKER)
            deleted += 1
    return deleted


def _recover_rename(note: Note) -> int:
    slug, new = note.name("slug"), note.name("to")
    if not slug or not new:
        note.path.unlink()
        return 1
    with dataset_locks([datasets_root() / slug, datasets_root() / new]):
        if not note.path.exists():
            return 0  # it was completed meanwhile
        pairs = list(zip(places(slug), places(new), strict=True))
        if Dataset.objects.filter(slug=slug).exists():
            move_all(turned(pairs))
        elif Dataset.objects.filter(slug=new).exists():
            move_all(pairs)
        note.path.unlink()
    return 1


def _recover_entry(note: Note) -> int:
    """Compare one folder in the trash with its row."""
    name, slug = note.path.parent.name, note.name("slug")
    if not slug:
        return 0
    row = Dataset.with_trash.filter(slug=name).first()
    restoring = note.name("restoring")
    if row is not None and not restoring:
        return 0
    with dataset_locks([trash_root() / name, datasets_root() / slug, datasets_root() / (restoring or slug)]):
        if not note.path.exists():
            return 0
        if row is not None:  # killed before its restoration was in the database
            move_all(turned(list(zip(places_in_trash(name, slug), places(restoring), strict=True))))
            write_entry(name, {key: value for key, value in note.said.items() if key != "restoring"})
        elif restoring and Dataset.objects.filter(slug=restoring).exists():
            remove_entry(name)
        elif Dataset.objects.filter(slug=slug).exists() and _was_on_its_way(name, slug):
            move_all(turned(list(zip(places(slug), places_in_trash(name, slug), strict=True))))
            remove_entry(name)
        else:
            Dataset.with_trash.create(**_row_of(name, slug, note))  # the database was rebuilt
    return 1


def _was_on_its_way(name: str, slug: str) -> bool:
    """Return whether the folder is what the live dataset `slug` lacks; else another dataset has its name by now."""
    folder = places_in_trash(name, slug)[-1]
    return is_fresh(datasets_root() / slug) or not (folder.exists() or folder.is_symlink())


def _row_of(name: str, slug: str, note: Note) -> dict[str, Any]:
    at = parse_timestamp(note.said.get("at")) or timezone.now()
    title = sanitize_json(str(note.said.get("title") or slug))[:200]
    by = sanitize_json(str(note.said.get("by") or ""))[:150]
    return {"slug": name, "trashed_slug": slug, "title": title, "trashed_at": at, "trashed_by": by}
