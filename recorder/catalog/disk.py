"""What datasets, their revisions, the trash, downloads, takes and uploads take on the disk, and what would be freed."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from django.db import connections
from django.utils import timezone

from recorder.catalog.additions import incoming
from recorder.catalog.background import Background, Computed
from recorder.models import Dataset, Episode
from recorder.models.paths import REVISIONS, WORK, datasets_root, exports_root, trash_root
from recorder.models.states import EpisodeState, Verdict
from recorder.text import parse_uuid, sanitize_json
from robotdata.dataset.exchange.addition import INCOMING
from robotdata.dataset.exchange.snapshot import sent_of
from robotdata.files.blocks import Blocks, blocks_of

_CHUNK = 500
_FRESH_FOR = timedelta(minutes=10)


class Kind(StrEnum):
    """What takes space."""

    DATASET = "dataset"
    REVISIONS = "revisions"
    TAKES = "takes"
    REJECTED = "rejected"
    DOWNLOADS = "downloads"
    TRASHED = "trashed"
    EXPORT = "export"
    UPLOAD = "upload"
    WORK = "work"
    FOLDER = "folder"


FREEABLE = (Kind.REVISIONS, Kind.REJECTED, Kind.DOWNLOADS, Kind.TRASHED, Kind.EXPORT, Kind.UPLOAD)
"""Kinds that can be freed from the page. A dataset is freed by deleting it, takes by rejecting them."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that takes `size` bytes; deleting it would free `freed` of them, the rest is shared with others.

    `name` identifies it within its kind: the dataset's slug, the name in the trash, the folder, or the upload's id.
    """

    kind: Kind
    name: str
    title: str
    size: int
    freed: int

    @property
    def can_free(self) -> bool:
        """Whether `recorder.review.free_space` frees it, and that would free anything."""
        return self.kind in FREEABLE and self.freed > 0


@dataclass(frozen=True, slots=True)
class Disk:
    """Everything that was measured; `total` counts shared files once, and `free` is what the disk has left."""

    items: list[Item]
    total: int
    free: int

    def rows(self) -> list[tuple[str, str, dict[str, Item]]]:
        """Return slug, title and items by kind of each dataset, the largest first."""
        by_slug: dict[str, dict[str, Item]] = {}
        for item in self.items:
            if item.kind in (Kind.DATASET, Kind.REVISIONS, Kind.TAKES, Kind.REJECTED, Kind.DOWNLOADS):
                by_slug.setdefault(item.name, {})[str(item.kind)] = item
        found = [(slug, next(iter(items.values())).title, items) for slug, items in by_slug.items()]
        return sorted(found, key=lambda row: -sum(item.size for item in row[2].values()))

    def others(self) -> list[Item]:
        """Return what belongs to no dataset in the lists, the largest first."""
        kinds = (Kind.TRASHED, Kind.EXPORT, Kind.UPLOAD, Kind.WORK, Kind.FOLDER)
        return sorted((item for item in self.items if item.kind in kinds), key=lambda item: -item.size)


def disk_usage(*, again: bool = False) -> Computed[Disk]:
    """Return the last measurement; a thread measures where there is none, it is old, or `again`."""
    known = _measured.ask("disk", "", measure)
    is_old = known.at is not None and timezone.now() - known.at > _FRESH_FOR
    return _measured.ask("disk", "", measure, again=True) if (again or is_old) and not known.running else known


def measure() -> Disk:
    """Look at every file once. Shared files are counted in each item that has them, and once in the total."""
    try:
        everything, items = Blocks(), []
        for kind, name, title, paths in _groups():
            counted = blocks_of(paths)
            everything.merge(counted)
            if counted.size:
                items.append(Item(kind, name, sanitize_json(title), counted.size, counted.freed))
        return Disk(items, everything.size, shutil.disk_usage(datasets_root()).free)
    finally:
        connections.close_all()  # those of this thread


_measured: Background[Disk] = Background("disk usage")
_Group = tuple[Kind, str, str, list[Path]]


def _groups() -> Iterator[_Group]:
    datasets = list(Dataset.objects.only("slug", "title"))
    titles = {row.pk: row for row in datasets}
    for row in datasets:
        real = row.path.resolve() if row.path.is_symlink() else row.path
        yield Kind.DATASET, row.slug, row.title, [real]
        yield Kind.REVISIONS, row.slug, row.title, [row.revisions_path]
        yield Kind.DOWNLOADS, row.slug, row.title, sent_of(row.work_path, row.slug)
    takes, unknown = _takes()
    for (pk, is_rejected), paths in takes.items():
        if pk in titles:
            kind = Kind.REJECTED if is_rejected else Kind.TAKES
            yield kind, titles[pk].slug, titles[pk].title, paths
    if unknown:
        yield Kind.FOLDER, "takes", "Takes that belong to no dataset", unknown
    yield from _trash(takes)
    yield from _folders({row.slug for row in datasets})


def _takes() -> tuple[dict[tuple[int, bool], list[Path]], list[Path]]:
    """Return the folders in the spool and the staging area by dataset and whether they are rejected; and the others.

    A rig's lock is none of them: an empty page would be full of a file that nobody can free.
    """
    roots = [Path(settings.SPOOL_DIR), Path(settings.STAGING_DIR)]
    found = [path for root in roots if root.is_dir() for path in root.iterdir()]
    paths = [path for path in found if not (path.name.startswith(".") and path.is_file())]
    by_pk: dict[uuid.UUID, list[Path]] = {}
    unknown: list[Path] = []
    for path in paths:
        pk = parse_uuid(path.name)
        (unknown if pk is None else by_pk.setdefault(pk, [])).append(path)
    groups: dict[tuple[int, bool], list[Path]] = {}
    pks = list(by_pk)
    for first in range(0, len(pks), _CHUNK):
        rows = Episode.objects.filter(pk__in=pks[first : first + _CHUNK])
        for pk, dataset, verdict, state in rows.values_list("pk", "dataset_id", "verdict", "state"):
            is_rejected = verdict == Verdict.REJECT and state != EpisodeState.ENCODED
            groups.setdefault((dataset, is_rejected), []).extend(by_pk.pop(pk))
    return groups, [*unknown, *(path for each in by_pk.values() for path in each)]


def _trash(takes: dict[tuple[int, bool], list[Path]]) -> Iterator[_Group]:
    for row in Dataset.with_trash.exclude(trashed_at=None).only("slug", "title", "trashed_at", "trashed_slug"):
        own = [path for is_rejected in (False, True) for path in takes.get((row.pk, is_rejected), [])]
        yield Kind.TRASHED, row.slug, row.title, [trash_root() / row.slug, *own]


def _folders(slugs: set[str]) -> Iterator[_Group]:
    root = datasets_root()
    for path in _inside(exports_root()):
        yield Kind.EXPORT, path.name, path.name, [path]
    for addition in incoming().list():
        yield Kind.UPLOAD, addition.id, addition.source, [root / INCOMING / addition.id]
    sent = {path for slug in slugs for path in sent_of(root / WORK, slug)}
    unfinished = [path for path in _inside(root / WORK, hidden=True) if path not in sent]
    yield Kind.WORK, "", "Being written now", unfinished
    others = [path for path in _inside(root) if path.name not in slugs and not path.is_symlink()]
    for path in others:
        yield Kind.FOLDER, sanitize_json(path.name), path.name, [path]
    known = set(slugs)
    lost = [path for path in _inside(root / REVISIONS) if path.name not in known]
    yield Kind.FOLDER, REVISIONS, "Revisions of datasets that are not here", lost


def _inside(folder: Path, *, hidden: bool = False) -> list[Path]:
    """Return what is in a folder; none if there is no such folder."""
    paths = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in paths if hidden or not path.name.startswith("."))
