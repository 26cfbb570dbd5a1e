"""What people say of committed episodes: words that take effect at once, and plans that wait until they are applied.

Both lie in the episode's entry of the sidecar: `verdict`, `labels`, `rating`, `note`, and `planned` with a `task` or a
`trim` (frames [first, end)). A rejected episode is planned to be deleted.
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
REJECT = "reject"
Ids = Callable[[EpisodeInfo], str]
"""Names an episode that the sidecar does not know: another program recorded it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to be done to episodes, by number: delete these, give those a task, keep of those frames [first, end)."""

    delete: frozenset[int] = frozenset()
    tasks: Mapping[int, str] = field(default_factory=dict)
    trims: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.delete or self.tasks or self.trims)


def planned_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """`task` and `trim` that wait to be applied; what makes no sense is left out."""
    found = entry.get("planned")
    planned = found if isinstance(found, dict) else {}
    made: dict[str, Any] = {}
    if isinstance(planned.get("task"), str) and planned["task"].strip():
        made["task"] = planned["task"]
    trim = planned.get("trim")
    if isinstance(trim, list) and len(trim) == 2 and all(type(end) is int for end in trim):
        made["trim"] = trim
    return made


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


def write_annotations(root: Path, said: Mapping[str, Mapping[str, Any]], lengths: Mapping[str, int], ids: Ids) -> None:
    """Set fields of the entries of these UUIDs (None takes one away); no new revision. Call it under `dataset_lock`.

    Older revisions keep what was said then. An episode without an entry gets one, and its name from `ids`. Raises
    EditError if an episode is not there, or has not `lengths` frames (any more), and where the sidecar is damaged.
    """
    problems: list[str] = []
    sidecar = read_sidecar(root, problems)
    if problems:
        raise EditError(
            f"{root}: {problems[0]}. Revert to an earlier revision, or move that file away: that loses "
            "verdicts and labels of the episodes only"
        )
    entries = {str(entry.get("uuid")): entry for entry in sidecar.episodes}
    if any(uuid not in entries for uuid in said):
        sidecar = named(DatasetFolder.open(root), ids)
        entries = {str(entry.get("uuid")): entry for entry in sidecar.episodes}
    for uuid, fields in said.items():
        if uuid not in entries or entries[uuid].get("length") != lengths[uuid]:
            raise EditError(f"{root} was just changed: episode {uuid} was replaced or deleted. Reload and try again")
        entry = entries[uuid]
        entry.update(fields)
        for name in [name for name, value in fields.items() if value is None]:
            del entry[name]
    replace_text(root / SIDECAR, sidecar.to_json())


def named(base: DatasetFolder, ids: Ids) -> Sidecar:
    """Return the sidecar with an entry for every episode, and a UUID in each."""
    entries = [{"length": each.length, **each.extra, "uuid": each.uuid or ids(each)} for each in base.episodes]
    return replace(base.sidecar, episodes=entries)


def carry_annotations(old: Sidecar, now: Sidecar, same: Callable[[int, int], bool]) -> list[dict[str, Any]]:
    """Return the entries of the state `old`, with today's annotations of the episodes that exist `now`.

    Plans of today go along where `same` finds the content of both (places in `old` and `now`) the same.
    """
    today = {entry.get("uuid"): (place, entry) for place, entry in enumerate(now.episodes) if entry.get("uuid")}
    made = []
    for place, entry in enumerate(old.episodes):
        if entry.get("uuid") in today:
            at, said = today[entry["uuid"]]
            names = (*ANNOTATION_FIELDS, "planned") if same(place, at) else ANNOTATION_FIELDS
            kept = {name: value for name, value in entry.items() if name not in names}
            entry = kept | {name: said[name] for name in names if name in said}
        made.append(entry)
    return made
