"""Make the rows of takes agree with their folders. Nothing is deleted."""

from __future__ import annotations

import logging
import uuid
from contextlib import AbstractContextManager
from pathlib import Path

from django.conf import settings
from django.db import transaction

from recorder.actor import COMMAND
from recorder.alone import isolate_errors
from recorder.catalog.takes import index_take, review_of
from recorder.catalog.unopened import forget_except, note_take
from recorder.models import Episode
from recorder.models.annotations import TRIM, from_row, to_row
from recorder.models.states import EpisodeState
from recorder.models.unopened import UnopenedKind
from recorder.models.versions import next_version
from recorder.quality.odd_fields import is_odd_mark, odd_marks
from recorder.text import sanitize_json
from recorder.worker.known_takes import KnownTakes, signature_of
from recorder.worker.recovery_report import Report
from robotdata.files.replace import TEMPORARY
from robotdata.spool import TakeBusy, leftover_files, list_takes, read_manifest, recover_take
from robotdata.spool.annotation import Annotation
from robotdata.spool.batch_curation import update_curations
from robotdata.spool.facts import Facts
from robotdata.spool.integrity import find_damage

log = logging.getLogger(__name__)

RAW_STATES = {EpisodeState.RECORDING, EpisodeState.RECORDED, EpisodeState.INTERRUPTED}
_ROWS_AT_ONCE = 100
MISSING = "Its folder is missing from the spool"
_FIELD_NAMES = {"trim_first": "trim", "trim_end": "trim", "reviewer": "", "reviewed_at": "", "error": "", "marks": ""}


def recover_takes(report: Report, *, deep: bool) -> None:
    """Close unfinished takes and make the rows agree with all of them; with `deep`, read every byte."""
    versions = dict(Episode.objects.order_by().values_list("pk", "updated_at"))
    known = KnownTakes(settings.STATE_DIR / "known-takes.json")
    signatures: dict[Path, str] = {}
    for folder in list_takes(Path(settings.SPOOL_DIR)):
        report.takes += 1
        version = versions.get(uuid.UUID(folder.name))
        signature = signature_of(folder, version) if version is not None else ""
        if not deep and known.recognise(folder.name, signature):
            report.usable += 1
        else:
            signatures[folder] = signature
    rows = Episode.objects.in_bulk([uuid.UUID(folder.name) for folder in signatures])
    unreadable: set[str] = set()
    numbers = _Numbers()
    unnumbered: list[tuple[Path, Facts]] = []
    for folder in signatures:
        row = rows.get(uuid.UUID(folder.name))
        with _isolated(folder, report, unreadable):
            manifest = read_manifest(folder)
            if row is None and "number" not in manifest:
                unnumbered.append((folder, manifest))
            elif _check_take(folder, manifest, row, report, numbers, deep=deep):
                known.remember(folder.name, signatures[folder])
    # Rows that are missing get the numbers in their folders before those without one get numbers that are left.
    for folder, manifest in unnumbered:
        with _isolated(folder, report, unreadable):
            _check_take(folder, manifest, None, report, numbers, deep=deep)
    numbers.write()
    known.save()
    forget_except(kind=UnopenedKind.TAKE, names=unreadable)


class _Numbers:
    """Numbers of rows whose folders have another one, such as copies. A folder without one gets it when assessed."""

    def __init__(self) -> None:
        self._writes: list[tuple[Path, dict[str, int]]] = []

    def check(self, folder: Path, manifest: Facts, row: Episode | None) -> bool:
        """Return whether the folder has the number of its row; if not, it will be written."""
        stored = manifest.raw.get("number")
        if row is None or row.purged_at is not None or stored is None or stored == row.number:
            return True
        self._writes.append((folder, {"number": row.number}))
        return False

    def write(self) -> None:
        """Write them, many at a time. A disk that refuses costs only that the next start tries again."""
        for start in range(0, len(self._writes), _ROWS_AT_ONCE):
            part = self._writes[start : start + _ROWS_AT_ONCE]
            for (folder, _), problem in zip(part, update_curations(part), strict=True):
                if problem is not None:
                    log.warning("The number of the take %s is only in the database: %s", folder.name, problem)


def _isolated(folder: Path, report: Report, unreadable: set[str]) -> AbstractContextManager[None]:
    """Report an error of this take and continue with the others: its manifest may hold anything."""

    def lost(problem: str) -> None:
        report.lost.append(f"Take {folder.name}: {problem}.")
        note_take(take_id=folder.name, why=problem)
        unreadable.add(folder.name)

    return isolate_errors(f"Take {folder.name}", log, lost)


def _check_take(
    folder: Path, manifest: Facts, row: Episode | None, report: Report, numbers: _Numbers, *, deep: bool
) -> bool:
    """Recover the take, and with `deep` read every byte of it. Return whether nothing was left to do."""
    try:
        agrees = _recover_take(folder, manifest, row, report, numbers)
    except TakeBusy:  # it is being recorded
        report.usable += 1
        return False
    if deep:
        report.lost += [f"Take {folder.name}: {problem}." for problem in find_damage(folder)]
    return agrees


def _recover_take(folder: Path, manifest: Facts, row: Episode | None, report: Report, numbers: _Numbers) -> bool:
    """Close the take and make its row agree. Return whether nothing was left to do."""
    agrees = row is not None and not any(folder.glob(TEMPORARY))
    if manifest["state"] == "recording" or (folder / ".recovery.json").exists() or leftover_files(folder):
        agrees = False
        recovery = recover_take(folder)
        if recovery.changed:
            report.interrupted += 1
            report.messages.append(f"Take {folder.name}: {recovery.text}.")
            if recovery.lost_ticks or any(recovery.lost_frames.values()):
                report.lost.append(f"Take {folder.name}: {recovery.text}.")
        manifest = read_manifest(folder)
    if row is None or (row.state in RAW_STATES and (row.state, row.ticks) != (manifest["state"], manifest["ticks"])):
        agrees = False
        is_new, row = row is None, index_take(take_id=folder.name, actor=COMMAND)
        if is_new:
            report.adopted += 1
            report.corrections.append(f"Take {folder.name}: was missing from the database; added.")
    report.usable += 1
    if row is not None and (changed := _update_row(row, manifest)):
        agrees = False
        report.corrections.append(f"Take {folder.name}: the database had a different {', '.join(changed)}; corrected.")
    return numbers.check(folder, manifest, row) and agrees


def _update_row(row: Episode, manifest: Facts) -> list[str]:
    """Update the row from `take.json`; return the names of the fields that differed.

    People's annotations are in both, and `take.json` is newer if they differ: a crash came before the row was written.
    """
    if row.is_committed or row.purged_at is not None or row.state == EpisodeState.ENCODING:
        return []
    curation = sanitize_json(manifest["curation"])
    named_fields = curation.keys() | {odd_field.field.removeprefix("curation.") for odd_field in manifest.odd}
    annotation = Annotation.from_take({**manifest, "curation": curation, "task": sanitize_json(manifest["task"])})
    fields = {name: value for name, value in to_row(annotation).items() if name in named_fields or name == "task"}
    marks = [mark for mark in row.marks if isinstance(mark, dict)] if isinstance(row.marks, list) else []
    fields["marks"] = [mark for mark in marks if not is_odd_mark(mark)] + odd_marks(manifest.odd, row.ticks)
    if from_row(row).trim != annotation.trim:
        fields |= {name: to_row(annotation)[name] for name in TRIM}
    changed = {name: value for name, value in fields.items() if getattr(row, name) != value}
    if "verdict" in changed:
        changed |= review_of(curation)
    if row.error.startswith(MISSING):
        changed["error"] = ""
    if not changed:
        return []
    unchanged_row = Episode.objects.filter(pk=row.pk, updated_at=row.updated_at)
    with transaction.atomic():
        updated = unchanged_row.update(**changed, updated_at=next_version())
    if not updated:
        return []
    return sorted({_FIELD_NAMES.get(name, name) for name in changed} - {""})


def find_missing(report: Report) -> None:
    """Report takes whose folder is missing, also in their rows. The rows are kept: a disk may not be mounted."""
    states = [EpisodeState.RECORDED, EpisodeState.INTERRUPTED, EpisodeState.FAILED, EpisodeState.ENCODING]
    spool = Path(settings.SPOOL_DIR)
    takes = Episode.objects.filter(state__in=states, purged_at=None)
    missing = [pk for pk in takes.values_list("pk", flat=True).iterator() if not (spool / str(pk)).is_dir()]
    for start in range(0, len(missing), _ROWS_AT_ONCE):  # few transactions, because each waits for the disk
        with transaction.atomic():
            part = missing[start : start + _ROWS_AT_ONCE]
            for row in takes.filter(pk__in=part).select_related("dataset"):  # not what was deleted or committed since
                problem = f"{MISSING} ({row.take_path}): restore it, or reject the episode."
                report.lost.append(f"{row} of {row.dataset}: {problem}")
                if row.error != problem and row.state != EpisodeState.ENCODING:
                    unchanged_row = Episode.objects.filter(pk=row.pk, updated_at=row.updated_at)
                    unchanged_row.update(error=problem, updated_at=next_version())
