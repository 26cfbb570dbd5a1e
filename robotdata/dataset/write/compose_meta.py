"""The meta folder of the next state: table of episodes, statistics, `info.json` and sidecar."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from robotdata.dataset import stats
from robotdata.dataset.annotations import planned_of
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.sidecar import Sidecar
from robotdata.dataset.write import episode_table
from robotdata.dataset.write.camera_info import restated
from robotdata.dataset.write.draft import Draft, counted_info
from robotdata.dataset.write.episode_refs import Plan, Stored
from robotdata.dataset.write.splits import mapped_splits
from robotdata.dataset.write.stale import carried_stats, stale_notes
from robotdata.dataset.write.trims import row_columns, shifted_marks, trimmed_stats


def write_meta(plan: Plan, draft: Draft, about: Mapping[str, Any], videos: Mapping[str, Sequence[Path]]) -> None:
    """Write everything below `meta/` but the tasks. `about` becomes the sidecar's `made_by`.

    `videos`: the files of stored episodes, by camera.
    """
    base = plan.base
    before = len(base.episodes) if base else 0
    table = _episode_table(plan)
    episode_table.write_episodes(draft.episodes_path(), table)
    known: Mapping[str, Any] = base.stats() if base and before else {}
    # Where nothing stored has changed, its total stands for episodes that have no statistics of their own.
    totals = episode_table.aggregate(table, plan.features, {} if plan.edited else known, 0 if plan.edited else before)
    splits, notes = mapped_splits(
        draft.info.get("splits"), before, [part.old.index for part in plan.stored], len(plan.new)
    )
    if base and before and (plan.new or len(plan.stored) < before or any(part.trimmed for part in plan.stored)):
        notes += stale_notes(base.root, base.info, plan.features, known, totals)
    info = draft.info
    if plan.edited:
        info = {**info, "features": restated(info["features"], videos)}
    counts = {"episodes": len(plan.parts), "frames": plan.frames, "tasks": len(plan.tasks.texts)}
    draft.write_meta(carried_stats(totals, known), counted_info(info, **counts, splits=splits), _sidecar(plan, about))
    draft.add_notes(notes)


def _episode_table(plan: Plan) -> pa.Table:
    schema = episode_table.episode_schema(plan.features)
    tables = []
    if plan.stored and plan.base is not None:
        tables.append(_stored_table(plan, plan.base, schema))
    if plan.new or not tables:
        rows = [
            {
                "episode_index": part.index,
                "tasks": part.texts,
                "length": part.length,
                "dataset_from_index": part.first_row,
                "dataset_to_index": part.first_row + part.length,
                **part.row,
            }
            for part in plan.new
        ]
        tables.append(episode_table.new_table(rows, schema))
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="default")


def _stored_table(plan: Plan, base: DatasetFolder, schema: pa.Schema) -> pa.Table:
    kept = [part.old.index for part in plan.stored]
    table = episode_table.old_table(base, schema)
    if plan.edited:
        table = table.take(pa.array(kept))
    if not plan.unread and episode_table.missing_numeric(table, plan.features):
        table = episode_table.with_columns(table, episode_table.numeric_columns(base, plan.features, kept))
    if not plan.edited:
        return table
    table = episode_table.with_values(table, _changed_values(plan), anew=True)
    counted = "stats/index/min" in table.column_names and not table.column("stats/index/min").null_count
    if counted:
        table = episode_table.with_values(table, _bookkeeping(plan))
    return episode_table.with_values(table, _trimmed_values(plan, base))


def _changed_values(plan: Plan) -> dict[int, dict[str, Any]]:
    """By row of the table of episodes, what an edit changes in it."""
    return {
        row: {
            "episode_index": part.index,
            "tasks": part.texts,
            "length": part.length,
            "dataset_from_index": part.first_row,
            "dataset_to_index": part.first_row + part.length,
            **part.row,
        }
        for row, part in enumerate(plan.stored)
    }


def _trimmed_values(plan: Plan, base: DatasetFolder) -> dict[int, dict[str, Any]]:
    """By row of the table: statistics of the episodes of which a part was kept."""
    found = {}
    for row, part in enumerate(plan.stored):
        if part.trimmed and part.tasks is not None:
            columns = row_columns(part.kept, plan.fps, part.index, part.first_row, part.tasks)
            found[row] = trimmed_stats(base, part.old, part.kept, columns)
    return found


def _bookkeeping(plan: Plan) -> dict[int, dict[str, Any]]:
    """By row of the table: statistics of index, episode_index and task_index, which an edit makes stale."""
    made = {}
    for row, part in enumerate(plan.stored):
        found = {
            "index": _shifted(_counting(part.length), part.first_row),
            "episode_index": _constant(part.index, part.length),
        }
        if part.tasks is not None and part.moved:
            values = np.unique(part.tasks)
            alone = len(values) == 1
            found["task_index"] = _constant(int(values[0]), part.length) if alone else stats.numeric_stats(part.tasks)
        made[row] = episode_table.stats_columns(found)
    return made


def _sidecar(plan: Plan, about: Mapping[str, Any]) -> Sidecar:
    old = plan.base.sidecar if plan.base else Sidecar()
    entries = [_entry(part) if plan.edited else _untouched(part) for part in plan.stored]
    entries += [{**part.source.extra, "uuid": part.source.uuid, "length": part.length} for part in plan.new]
    return Sidecar(old.revision + 1, entries, {**old.more, "made_by": dict(about)})


def _untouched(part: Stored) -> dict[str, Any]:
    return dict(part.old.extra) if part.old.extra else {"uuid": None, "length": part.length}


def _entry(part: Stored) -> dict[str, Any]:
    """The sidecar's entry of an episode after an edit: what was planned of it and is done now is no longer planned."""
    entry = {"uuid": None, **part.old.extra, "length": part.length}
    done = {name for name, asked in (("task", part.ref.task), ("trim", part.ref.kept)) if asked is not None}
    left = {name: value for name, value in planned_of(entry).items() if name not in done}
    entry.pop("planned", None)
    if part.trimmed and "marks" in entry:
        entry["marks"] = shifted_marks(entry["marks"], part.kept)
    return entry | ({"planned": left} if left else {})


@functools.lru_cache(maxsize=256)
def _counting(count: int) -> stats.Stat:
    return stats.numeric_stats(np.arange(count))


def _shifted(stat: stats.Stat, by: int) -> stats.Stat:
    return {name: value if name in {"std", "count"} else value + by for name, value in stat.items()}


def _constant(value: int, count: int) -> stats.Stat:
    return _shifted(stats.numeric_stats(np.zeros(1)), value) | {"count": np.array([count], np.int64)}
