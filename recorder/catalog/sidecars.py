"""Keep the rows of committed episodes and the dataset's sidecar consistent.

People's annotations are in both, as those of a take are in its row and its `take.json`.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from recorder.errors import Refused
from recorder.models import Dataset, Episode
from recorder.models.annotations import TRIM, from_row, from_sidecar, to_row, to_sidecar
from recorder.models.states import Verdict
from recorder.models.versions import next_version
from recorder.quality.odd_fields import odd_marks
from recorder.text import parse_uuid, sanitize_json
from robotdata.dataset.annotations import NUMBER, Ids, write_annotations
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import DatasetBusy, DatasetError, EditError
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.sidecar import read_sidecar
from robotdata.files.errors import NotDurable
from robotdata.spool.annotation import REVIEW_FIELDS, Annotation
from robotdata.spool.facts import LONGEST, MOST_LABELS, check_mark, check_text, is_number
from robotdata.spool.fields import Fields, parse_timestamp

log = logging.getLogger(__name__)

NOT_DURABLE = "not_durable"
"""The error code of a change that was saved, in file and row, but may not survive a power cut."""
_WAIT_S = 3.0
_FEW = 500
"""Rows that one query names, fewer than SQLite takes in the oldest version in use."""
_ANNOTATION_FIELDS = (*REVIEW_FIELDS, "operator", "reviewer", "marks", "recorded_at", "reviewed_at", NUMBER)


def committed_id(dataset: Dataset, info: EpisodeInfo) -> uuid.UUID:
    """Return the UUID of a committed episode; derived from its index if another program recorded it."""
    return parse_uuid(info.uuid) or uuid.uuid5(uuid.NAMESPACE_URL, f"robotdata:{dataset.slug}/{info.index}")


def ids_for(dataset: Dataset) -> Ids:
    """Return a function that gives ids to episodes which the sidecar does not know."""
    return lambda info: str(committed_id(dataset, info))


@contextmanager
def hold_folders(episodes: Iterable[Episode]) -> Iterator[None]:
    """Hold the folder locks of the committed ones among these episodes. Enter it before a transaction begins.

    Raise Refused if a dataset stays locked for more than `_WAIT_S`, or if its lock cannot be taken.
    """
    datasets = {episode.dataset_id: episode.dataset for episode in episodes if episode.is_committed}
    with ExitStack() as stack:
        for _, dataset in sorted(datasets.items()):
            try:
                stack.enter_context(dataset_lock(dataset.path, wait_s=_WAIT_S))
            except DatasetBusy as error:
                raise _busy(dataset) from error
            except OSError as error:
                raise _not_written(dataset, error) from error
        yield


def write_sidecars(episodes: Sequence[Episode]) -> dict[uuid.UUID, Refused]:
    """Write these committed rows into their sidecars, each sidecar once; return the errors by episode."""
    by_dataset: dict[int, list[Episode]] = {}
    for episode in episodes:
        by_dataset.setdefault(episode.dataset_id, []).append(episode)
    refusals: dict[uuid.UUID, Refused] = {}
    for rows in by_dataset.values():
        error = _write_sidecar(rows[0].dataset, rows)
        if error is not None:
            refusals |= {row.pk: error for row in rows}
    return refusals


def review_fields_of(episode: Episode) -> dict[str, Any]:
    """Return the episode's number and people's annotations, pending or not; the same before and after its commit."""
    return {
        NUMBER: episode.number,
        **from_row(episode).review_fields(),
        "reviewer": episode.reviewer,
        "reviewed_at": episode.reviewed_at.isoformat() if episode.reviewed_at else None,
    }


def sidecar_fields(episode: Episode) -> dict[str, Any]:
    """Return the episode's annotations for its sidecar entry, with None for each that is not set."""
    return {**review_fields_of(episode), **to_sidecar(from_row(episode), episode.planned)}


def content_of(info: EpisodeInfo) -> dict[str, Any]:
    """Return the fields that describe the episode in the folder."""
    return {
        "episode_index": info.index,
        "ticks": info.length,
        "committed_task": sanitize_json((info.tasks[0] if info.tasks else "")[:2000]),
    }


def planned_fields(info: EpisodeInfo) -> dict[str, Any]:
    """Return task and trim as they will be; those of the folder if no change is pending."""
    row = to_row(_annotation(info, {}))
    return {name: row[name] for name in ("task", *TRIM)}


def _annotation(info: EpisodeInfo, review_fields: dict[str, Any]) -> Annotation:
    task = content_of(info)["committed_task"]
    return from_sidecar(
        sanitize_json({"planned": info.extra.get("planned")}), review_fields, length=info.length, task=task
    )


def valid_fields(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the annotations of people and rig in a sidecar entry. Invalid fields are left out and flagged."""
    fields = Fields({name: entry[name] for name in _ANNOTATION_FIELDS if entry.get(name) is not None})
    fields.items("labels", lambda item: check_text(item, LONGEST["label"]), MOST_LABELS)
    fields.check("rating", lambda v: type(v) is int and 1 <= v <= 5, "1 to 5 or null")
    fields.text("note", LONGEST["note"])
    fields.check("verdict", lambda v: isinstance(v, str) and v in Verdict.values, f"one of {', '.join(Verdict.values)}")
    for name in ("operator", "reviewer"):
        fields.text(name, 150)
    fields.check(NUMBER, is_number, "a whole number from 1")
    fields.items("marks", check_mark, 10_000)
    for name in ("recorded_at", "reviewed_at"):
        fields.timestamp(name)
        if name in fields.checked:
            fields.checked[name] = parse_timestamp(fields.checked[name])
    length = entry.get("length")
    if marks := odd_marks(fields.odd, length if type(length) is int else 0, SIDECAR):
        fields.checked["marks"] = [*fields.checked.get("marks", []), *marks]
    return dict(sanitize_json(fields.checked))


def adopt_sidecar(dataset: Dataset) -> int:
    """Update rows that differ from the sidecar, because a crash came before they were written; return how many.

    The sidecar is written before the rows. A row that somebody changes meanwhile is not updated: the versions are read
    before the sidecar, because an entry that is older than its row would take back that change. Numbers are given to
    rows: an entry with another one, or none, gets that of its row.
    """
    columns = dataset.episodes.committed().values_list("pk", "updated_at", "ticks", NUMBER)
    versions, given = {}, {}
    for pk, version, *facts in columns:
        versions[pk], given[str(pk)] = version, facts
    entries = read_sidecar(dataset.path, []).episodes
    if all("verdict" not in entry and _is_numbered(entry, given) for entry in entries):
        return 0  # whole rows of thousands of episodes need not be read
    unnumbered = {str(entry["uuid"]) for entry in entries if not _is_numbered(entry, given)}
    judged = [entry for entry in entries if "verdict" in entry and str(entry.get("uuid")) in given]
    rows = _rows_of(dataset, judged)
    count = 0
    for entry in judged:
        row = rows.get(str(entry["uuid"]))
        if row is None or entry.get("length") != row.ticks:
            continue
        annotations = valid_fields(entry)
        fields = to_row(_annotation(_as_info(row, entry), annotations))
        fields |= {name: annotations[name] for name in ("reviewer",) if name in annotations}
        if "verdict" not in annotations:  # the value is invalid and was left out
            del fields["verdict"]
        changed = {name: value for name, value in fields.items() if getattr(row, name) != value}
        if changed:
            unchanged_row = Episode.objects.filter(pk=row.pk, updated_at=versions[row.pk])
            count += unchanged_row.update(**changed, updated_at=next_version())
    if unnumbered:
        _write_numbers(dataset, {pk: given[pk] for pk in unnumbered})
    return count


def _is_numbered(entry: dict[str, Any], given: Mapping[str, Sequence[int]]) -> bool:
    """Return whether an entry has the number of its row, or has no row; `given`: the length and number of rows."""
    ticks, number = given.get(str(entry.get("uuid")), (None, None))
    return ticks is None or entry.get("length") != ticks or entry.get(NUMBER) == number


def _rows_of(dataset: Dataset, entries: Sequence[dict[str, Any]]) -> dict[str, Episode]:
    """Return the committed rows of these entries; those of few are asked for alone, as thousands take long to read."""
    committed = dataset.episodes.committed()
    if len(entries) <= _FEW:
        committed = committed.filter(pk__in=[str(entry["uuid"]) for entry in entries])
    return {str(row.pk): row for row in committed}


def _write_numbers(dataset: Dataset, rows: Mapping[str, Sequence[int]]) -> None:
    """Write the numbers of rows into their entries; without them, a rebuild from the folders could give others.

    `rows`: the length and the number of each.
    """
    numbers = {pk: {NUMBER: number} for pk, (_, number) in rows.items()}
    problem = _write_entries(dataset, numbers, {pk: ticks for pk, (ticks, _) in rows.items()})
    if problem is not None:
        log.warning("The numbers of %d episodes of %s are only in the database: %s", len(rows), dataset.slug, problem)


def _as_info(row: Episode, entry: dict[str, Any]) -> EpisodeInfo:
    index, length = row.episode_index or 0, row.ticks
    return EpisodeInfo(index, length, [row.committed_task], None, 0, length, 0, {}, extra=entry)


def _write_sidecar(dataset: Dataset, rows: Sequence[Episode]) -> Refused | None:
    annotations = {str(row.pk): sidecar_fields(row) for row in rows}
    return _write_entries(dataset, annotations, {str(row.pk): row.ticks for row in rows})


def _write_entries(
    dataset: Dataset, changes: Mapping[str, Mapping[str, Any]], lengths: Mapping[str, int]
) -> Refused | None:
    try:
        with dataset_lock(dataset.path, wait_s=_WAIT_S):
            write_annotations(dataset.path, changes, lengths, ids_for(dataset))
    except DatasetBusy:
        return _busy(dataset)
    except EditError as error:
        return Refused("moved", f"{error}.")
    except NotDurable as error:
        return not_durable(dataset.title, error)
    except (DatasetError, OSError, ValueError, RecursionError) as error:  # the last two: an entry is not valid JSON
        return _not_written(dataset, error)
    return None


def not_durable(subject: str, error: OSError) -> Refused:
    """Return the warning for a change that was saved but may not survive a power cut."""
    message = (
        f"{subject} was saved, but the disk has not confirmed {error.filename} ({error.strerror}): a power cut may "
    )
    return Refused(NOT_DURABLE, f"{message}undo it. Check the disk before you continue.", 503)


def _not_written(dataset: Dataset, error: Exception) -> Refused:
    message = f"{dataset.title} cannot be changed: {error}. Nothing was changed; check the disk."
    return Refused("not_written", message, 503)


def _busy(dataset: Dataset) -> Refused:
    return Refused("busy", f"{dataset.title} is being updated: try again in a moment.", 503)
