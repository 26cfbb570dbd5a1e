"""Annotations of committed episodes. Some take effect at once; pending changes wait until they are applied.

Both are stored in the episode's entry of the sidecar: `verdict`, `labels`, `rating`, `note`, and `planned` with a
`task` or a `trim` (frames [first, end)). A rejected episode is deleted when changes are applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import EditError
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.sidecar import Sidecar, read_sidecar
from robotdata.files.replace import replace_text
from robotdata.spool.annotation import REVIEW_FIELDS

ANNOTATION_FIELDS = (*REVIEW_FIELDS, "reviewer", "reviewed_at")
NUMBER = "number"
"""The field of an episode's number in its dataset: from 1, kept for life, whatever its index becomes."""
REJECT = "reject"
Ids = Callable[[EpisodeInfo], str]
"""Returns a UUID for an episode without an entry in the sidecar, which another program recorded."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Changes to episodes, by episode number.

    `delete`: episodes to delete. `tasks`: new task texts. `trims`: frames [first, end) to keep.
    """

    delete: frozenset[int] = frozenset()
    tasks: Mapping[int, str] = field(default_factory=dict)
    trims: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.delete or self.tasks or self.trims)


def planned_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pending `task` and `trim` of an entry; invalid values are left out."""
    stored = entry.get("planned")
    planned = stored if isinstance(stored, dict) else {}
    valid: dict[str, Any] = {}
    if isinstance(planned.get("task"), str) and planned["task"].strip():
        valid["task"] = planned["task"]
    trim = planned.get("trim")
    if isinstance(trim, list) and len(trim) == 2 and all(type(end) is int for end in trim) and 0 <= trim[0] < trim[1]:
        valid["trim"] = trim
    return valid


def planned_edit(base: DatasetFolder, only: frozenset[str] | None = None) -> Edit:
    """Return all pending changes in the sidecar as an edit; with `only`, of the episodes with these UUIDs."""
    delete, tasks, trims = set(), {}, {}
    for episode in base.episodes:
        if only is not None and str(episode.uuid) not in only:
            continue
        if episode.extra.get("verdict") == REJECT:
            delete.add(episode.index)
            continue
        planned = planned_of(episode.extra)
        if "task" in planned:
            tasks[episode.index] = planned["task"]
        if "trim" in planned:
            trims[episode.index] = tuple(planned["trim"])
    return Edit(frozenset(delete), tasks, trims)


def write_annotations(
    root: Path, changes: Mapping[str, Mapping[str, Any]], lengths: Mapping[str, int], ids: Ids
) -> None:
    """Set fields in the entries of these UUIDs; None removes a field. Call it while holding `dataset_lock`.

    `changes` maps UUIDs to fields, `lengths` to the expected number of frames. No revision is made, and older revisions
    keep their annotations. An episode without an entry gets one, with a UUID from `ids`. Raises EditError if an episode
    does not exist or has another length, or if the sidecar is damaged.
    """
    problems: list[str] = []
    sidecar = read_sidecar(root, problems)
    if problems:
        raise EditError(
            f"{root}: {problems[0]}. Revert to an earlier revision, or move that file away: that loses "
            "verdicts and labels of the episodes only"
        )
    entries = {str(entry.get("uuid")): entry for entry in sidecar.episodes}
    if any(uuid not in entries for uuid in changes):
        sidecar = with_uuids(DatasetFolder.open(root), ids)
        entries = {str(entry.get("uuid")): entry for entry in sidecar.episodes}
    for uuid, fields in changes.items():
        if uuid not in entries or entries[uuid].get("length") != lengths[uuid]:
            raise EditError(f"{root} was just changed: episode {uuid} was replaced or deleted. Reload and try again")
        entry = entries[uuid]
        entry.update(fields)
        for name in [name for name, value in fields.items() if value is None]:
            del entry[name]
    replace_text(root / SIDECAR, sidecar.to_json())


def with_uuids(base: DatasetFolder, ids: Ids) -> Sidecar:
    """Return the sidecar with an entry for every episode, and a UUID in each."""
    entries = [{"length": each.length, **each.extra, "uuid": each.uuid or ids(each)} for each in base.episodes]
    return replace(base.sidecar, episodes=entries)


def carry_annotations(old: Sidecar, now: Sidecar, same: Callable[[int, int], bool]) -> list[dict[str, Any]]:
    """Return the entries of the state `old`, with the current annotations of the episodes that also exist in `now`.

    Pending changes are carried over if `same(position in old, position in now)` says that the episode's content is the
    same.
    """
    today = {entry.get("uuid"): (position, entry) for position, entry in enumerate(now.episodes) if entry.get("uuid")}
    entries = []
    for position, entry in enumerate(old.episodes):
        if entry.get("uuid") in today:
            current_position, current = today[entry["uuid"]]
            names = (*ANNOTATION_FIELDS, "planned") if same(position, current_position) else ANNOTATION_FIELDS
            other_fields = {name: value for name, value in entry.items() if name not in names}
            entry = other_fields | {name: current[name] for name in (*names, NUMBER) if name in current}
        entries.append(entry)
    return entries
