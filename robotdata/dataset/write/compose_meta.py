"""Write the meta folder of the next state: table of episodes, statistics, `info.json` and sidecar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from robotdata.capture.actions import ACTION
from robotdata.dataset.annotations import planned_of
from robotdata.dataset.features import video_keys
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.scales import SCALES, Scales, scales_of, with_scales
from robotdata.dataset.sidecar import RECORDED_ACTION, Sidecar
from robotdata.dataset.write import episode_table
from robotdata.dataset.write.bookkeeping import with_bookkeeping
from robotdata.dataset.write.brought import brought_rows
from robotdata.dataset.write.camera_info import restated
from robotdata.dataset.write.draft import Draft, counted_info
from robotdata.dataset.write.emptied import write_empty
from robotdata.dataset.write.end_flags import carried_flags
from robotdata.dataset.write.episode_refs import Part, Plan, Stored
from robotdata.dataset.write.splits import mapped_splits
from robotdata.dataset.write.stale import carried_stats, stale_notes
from robotdata.dataset.write.trims import joined_marks, row_columns, shifted_marks, trimmed_stats


def write_meta(plan: Plan, draft: Draft, made_by: Mapping[str, Any], videos: Mapping[str, Sequence[Path]]) -> None:
    """Write everything below `meta/` except the tasks. `made_by` goes into the sidecar.

    `videos`: the files of stored episodes by camera.
    """
    if not plan.parts:
        return write_empty(draft, _sidecar(plan, made_by))
    base = plan.base
    before = len(base.episodes) if base else 0
    table = _episode_table(plan)
    episode_table.write_episodes(draft.episodes_path(), table)
    old_stats: Mapping[str, Any] = base.stats() if base and before else {}
    # If no stored episode changed, the old total covers episodes without statistics of their own.
    fallback, rows = ({}, 0) if plan.edited else (old_stats, before)
    totals = episode_table.aggregate(table, plan.features, fallback, rows)
    kept, more = plan.own, len(plan.parts) - len(plan.own)
    splits, notes = (plan.splits, []) if plan.imported else mapped_splits(draft.info.get("splits"), before, kept, more)
    if base and before and (more or len(kept) < before or any(part.trimmed for part in plan.stored)):
        notes += stale_notes(base.root, base.info, plan.features, old_stats, totals)
    info = draft.info
    if plan.edited:
        info = {**info, "features": restated(info["features"], videos)}
    counts = {"episodes": len(plan.parts), "frames": plan.frames, "tasks": len(plan.tasks.texts)}
    info = counted_info(info, **counts, splits=splits)
    draft.write_meta(carried_stats(totals, old_stats), info, _sidecar(plan, made_by))
    draft.add_notes(notes)


def _episode_table(plan: Plan) -> pa.Table:
    """Return the table of episodes of the next state."""
    schema = episode_table.episode_schema(plan.features)
    tables = []
    if plan.stored and plan.base is not None:
        tables.append(_stored_table(plan, plan.base, schema))
    if plan.brought:
        tables += _brought_tables(plan, schema)
    if plan.new or not tables:
        rows = [_values(part) for part in plan.new]
        tables.append(episode_table.new_table(rows, schema))
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="default")


def _stored_table(plan: Plan, base: DatasetFolder, schema: pa.Schema) -> pa.Table:
    """Return the rows of stored episodes, with changed values replaced."""
    kept_rows = [part.old.index for part in plan.stored]
    table = episode_table.old_table(base, schema)
    gone = [f"videos/{key}/" for key in base.video_keys if key not in video_keys(plan.features)]
    table = table.drop_columns([name for name in table.column_names if name.startswith(tuple(gone))])
    if plan.edited and kept_rows != list(range(table.num_rows)):  # otherwise a copy of all of it
        table = table.take(pa.array(kept_rows))
    if not plan.unread and episode_table.missing_numeric(table, plan.features):
        table = episode_table.with_columns(table, episode_table.numeric_columns(base, plan.features, kept_rows))
    if not plan.edited:
        return table
    table = episode_table.with_values(table, _changed_values(plan), fill_missing=True)
    counted = "stats/index/min" in table.column_names and not table.column("stats/index/min").null_count
    if counted:
        table = with_bookkeeping(table, plan.stored)
    return episode_table.with_values(table, _trimmed_values(plan, base))


def _brought_tables(plan: Plan, schema: pa.Schema) -> list[pa.Table]:
    """Return the rows of episodes of other datasets, with the values that their new place changes."""
    tables, done = [], 0
    for table in brought_rows(plan.brought, schema):
        parts = plan.brought[done : done + table.num_rows]
        done += table.num_rows
        table = episode_table.with_values(table, dict(enumerate(map(_values, parts))), fill_missing=True)
        tables.append(with_bookkeeping(table, parts, always=True))
    return tables


def _changed_values(plan: Plan) -> dict[int, dict[str, Any]]:
    """Return, by row of the table of episodes, the values that an edit changes."""
    return {row: _values(part) for row, part in enumerate(plan.stored)}


def _values(part: Part) -> dict[str, Any]:
    """Return what the table of episodes says of an episode except its statistics, unless they are new."""
    return {
        "episode_index": part.index,
        "tasks": part.texts,
        "length": part.length,
        "dataset_from_index": part.first_row,
        "dataset_to_index": part.first_row + part.length,
        **part.row,
    }


def _trimmed_values(plan: Plan, base: DatasetFolder) -> dict[int, dict[str, Any]]:
    """Return, by row of the table, the statistics of trimmed episodes."""
    values = {}
    for row, part in enumerate(plan.stored):
        if part.trimmed and part.tasks is not None:
            columns = row_columns(part.length, plan.fps, part.index, part.first_row, part.tasks)
            columns |= carried_flags(base, part.old, part.frames)
            values[row] = trimmed_stats(base, part.old, part.frames, columns, plan.fps)
    return values


def _sidecar(plan: Plan, made_by: Mapping[str, Any]) -> Sidecar:
    """Return the sidecar of the next state."""
    old = plan.base.sidecar if plan.base else Sidecar()
    entries = [_entry(part) if plan.edited else _untouched(part) for part in plan.stored]
    entries += [{**part.source.extra, "uuid": part.source.uuid, "length": part.length} for part in plan.added]
    more = {**old.more, "made_by": dict(made_by)}
    if plan.new and ACTION in plan.features and (action := plan.new[0].source.recorded_action):
        more[RECORDED_ACTION] = action
    if scales := more.get(SCALES) or _scales(plan):
        more[SCALES] = scales
    return Sidecar(old.revision + 1, entries, more)


def _scales(plan: Plan) -> Scales:
    """Return the units and limits that the first new episode knows, of the features that the dataset has."""
    if plan.new:
        found = plan.new[0].source.scales
    elif plan.brought:
        source = plan.brought[0].source.dataset
        ours = {key: feature for key, feature in source.features.items() if feature == plan.features.get(key)}
        found = scales_of(with_scales(ours, source.sidecar.more.get(SCALES)))
    else:
        return {}
    return {key: scale for key, scale in found.items() if key in plan.features}


def _untouched(part: Stored) -> dict[str, Any]:
    return dict(part.old.extra) if part.old.extra else {"uuid": None, "length": part.length}


def _entry(part: Stored) -> dict[str, Any]:
    """Return the sidecar entry of an episode after an edit, without the pending changes that are now done."""
    stored = part.old.extra if part.ref.entry is None else part.ref.entry
    entry = {"uuid": None, **stored, "length": part.length}
    done = {name for name, requested in (("task", part.ref.task), ("trim", part.ref.kept)) if requested is not None}
    pending = {name: value for name, value in planned_of(entry).items() if name not in done}
    entry.pop("planned", None)
    if part.ref.gap is not None:
        entry["marks"] = joined_marks(entry.get("marks"), part.ref.gap, part.old.length)
    elif part.trimmed and "marks" in entry:
        entry["marks"] = shifted_marks(entry["marks"], part.kept)
    return entry | ({"planned": pending} if pending else {})
