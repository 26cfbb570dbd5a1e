"""Adds episodes to a dataset, all or none: the next state is built beside the old one, read back, swapped in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset import episode_table, stats
from robotdata.dataset.base_state import check_base, refuse_cached
from robotdata.dataset.data_files import DataWriter
from robotdata.dataset.draft import Draft, counted_info, new_info
from robotdata.dataset.errors import CommitError, FeaturesDiffer
from robotdata.dataset.features import (
    DEFAULT_FEATURES,
    NUMERIC_DTYPES,
    Features,
    complete,
    differences,
    frame_size,
    tidy_names,
    video_keys,
)
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.misfits import MISFITS, misfit_words
from robotdata.dataset.new_episode import NewEpisode as NewEpisode
from robotdata.dataset.new_episode import check_episodes, check_uuids, task_texts, to_blame
from robotdata.dataset.next_state import Origin, Tasks, check_next
from robotdata.dataset.reader import Dataset
from robotdata.dataset.sidecar import Sidecar
from robotdata.dataset.splits import mapped_splits
from robotdata.dataset.stale import carried_stats, stale_notes
from robotdata.dataset.steps import Steps
from robotdata.dataset.swap import NEXT, is_fresh, recover_dataset, swap_in, work_folder
from robotdata.dataset.tables import data_schema, data_table
from robotdata.dataset.tasks import plan_tasks, row_numbers
from robotdata.dataset.video_files import Place, Placer, piece_of
from robotdata.video.errors import VideoError
from robotdata.video.facts import get_video_info
from robotdata.video.rates import exact_rate, plain_rate

LOCK_WAIT_S = 60.0
Progress = Callable[[int, int], None]
"""Called with (steps done, steps in all); may raise to cancel: the dataset is then as it was."""


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """What a dataset is made of. Where it exists already its own settings stand, and features must be equal."""

    fps: int | float
    robot_type: str | None
    features: Mapping[str, dict[str, Any]]
    data_files_size_in_mb: float = 100
    video_files_size_in_mb: float = 200


@dataclass(frozen=True, slots=True)
class CommitResult:
    """`indices` gives every asked-for episode's number by UUID, also of those that were there already.

    `first_index` is the lowest of them, `episodes` and `frames` what was added by this call: 0 for a repeated one.
    `tasks` gives the text of each episode's (first) task by UUID, as it is in the dataset now.
    """

    revision: int
    first_index: int
    episodes: int
    frames: int
    indices: dict[str, int]
    tasks: dict[str, str]


def commit_episodes(
    root: Path,
    spec: DatasetSpec,
    episodes: Sequence[NewEpisode],
    *,
    work: Path,
    revisions: Path,
    keep_revisions: int = 10,
    progress: Progress | None = None,
    lock_wait_s: float = LOCK_WAIT_S,
    made_by: Mapping[str, Any] | None = None,
) -> CommitResult:
    """Add `episodes` to the dataset in `root`, in this order, or make it. Those it has already are not added again.

    `work` must lie on the file system of `root`; the old state becomes `revisions/<n>`. Takes `dataset_lock`. `made_by`
    is kept in the new revision's sidecar.
    Raises FeaturesDiffer, FeatureError, DatasetBusy, CommitError, and what opening a dataset raises; the dataset
    is then as it was.
    """
    root = root.resolve()
    refuse_cached(root)
    check_uuids(episodes)
    with dataset_lock(root, wait_s=lock_wait_s):
        recover_dataset(root, work, revisions)
        base = None if is_fresh(root) else Dataset.open(root)
        known = {e.uuid: e.index for e in base.episodes if e.uuid} if base else {}
        tasks = {e.uuid: e.tasks[0] for e in base.episodes if e.uuid and e.tasks} if base else {}
        fresh = [episode for episode in episodes if episode.uuid not in known]
        revision = base.revision if base else 0
        if fresh:
            features = _features(root, base, spec)
            check_episodes(fresh, features)
            commit = _Commit(base, spec, features, fresh, progress or _silent, made_by or {})
            with work_folder(root, work) as folder, commit.steps.named():
                _build(commit, root, folder / NEXT)
                swap_in(root, folder, revisions, keep_revisions=keep_revisions)
            commit.steps.step()
            known |= commit.indices
            tasks |= commit.tasks
            revision += 1
    indices = {episode.uuid: known[episode.uuid] for episode in episodes}
    frames = sum(episode.length for episode in fresh)
    return CommitResult(revision, min(indices.values(), default=0), len(fresh), frames, indices, tasks)


class _Commit:
    """One commit: which numbers the new episodes get, and the files they go to."""

    def __init__(
        self,
        base: Dataset | None,
        spec: DatasetSpec,
        features: Features,
        new: Sequence[NewEpisode],
        progress: Progress,
        made_by: Mapping[str, Any],
    ) -> None:
        self._base = base
        self._made_by = {"what": "committed", "committed": len(new), **made_by}
        self._new = new
        self._features = features
        self._fps = base.fps if base else plain_rate(exact_rate(spec.fps))
        self._first = len(base.episodes) if base else 0
        self._first_row = base.total_frames if base else 0
        self._numbers = row_numbers(base)[0] if base else {}
        used = {int(n) for numbers in self._numbers.values() for n in np.unique(numbers)}
        self._plan = plan_tasks(base, used, (text for episode in new for text in dict.fromkeys(task_texts(episode))))
        self.tasks = {e.uuid: self._plan.texts[self._plan.asked[task_texts(e)[0]]] for e in new}
        self._notes: list[str] = []
        self.indices = {episode.uuid: self._first + n for n, episode in enumerate(new)}
        self.steps = Steps(video_keys(self._features), progress)
        self._info = self._starting_info(spec)

    def build(self, folder: Path) -> None:
        """Write the whole next state into `folder` and verify it."""
        draft = Draft(folder, self._base, self._info)
        self.steps.step()
        rows = self._rows()
        tables = []
        for n, episode in enumerate(self._new):
            with to_blame(episode):
                tables.append(self._columns(episode, n))
        if self._plan.texts != (self._base.tasks if self._base else None):
            draft.write_tasks(self._plan)
        self._write_data(draft, tables, rows)
        self.steps.step()
        for key in video_keys(self._features):
            self._write_videos(draft, key, rows)
            self.steps.step()
        self._write_meta(draft, rows)
        changed = range(self._first, self._first + len(self._new))
        draft.add_notes([*self._notes, *check_next(draft.root, self._base, self._origins(tables), changed)])
        self.steps.step()

    def _origins(self, tables: Sequence[Mapping[str, Any]]) -> list[Origin]:
        """All old episodes as they were, and the new ones."""
        made = []
        for episode in self._base.episodes if self._base else ():
            numbers = self._numbers.get(episode.index)
            made.append(
                Origin(episode.index, Tasks.of(self._base, numbers) if self._base and numbers is not None else None)
            )
        for new, table in zip(self._new, tables, strict=True):
            made.append(Origin(None, Tasks(self._plan.texts, table["task_index"]), new.uuid))
        return made

    def _starting_info(self, spec: DatasetSpec) -> dict[str, Any]:
        if self._base and self._base.episodes:
            declared = self._base.info["features"]
            return {**self._base.info, "features": {key: tidy_names(feature) for key, feature in declared.items()}}
        features = {key: dict(feature) for key, feature in self._features.items()}
        for key in video_keys(features):
            features[key]["info"] = _camera_info(self._new[0], key)
        if self._base:
            return {**self._base.info, "features": features}
        return new_info(
            features,
            fps=plain_rate(exact_rate(spec.fps)),
            robot_type=spec.robot_type or None,
            data_mb=spec.data_files_size_in_mb,
            video_mb=spec.video_files_size_in_mb,
        )

    def _rows(self) -> list[dict[str, Any]]:
        """What the table of episodes says of each new one, so far."""
        rows, first_row = [], self._first_row
        for n, episode in enumerate(self._new):
            rows.append(
                {
                    "episode_index": self._first + n,
                    "tasks": list(dict.fromkeys(self._plan.texts[self._plan.asked[t]] for t in task_texts(episode))),
                    "length": episode.length,
                    "dataset_from_index": first_row,
                    "dataset_to_index": first_row + episode.length,
                }
            )
            first_row += episode.length
        return rows

    def _columns(self, episode: NewEpisode, n: int) -> dict[str, Any]:
        """All columns of one episode, in the declared dtypes."""
        columns: dict[str, Any] = {}
        for key, feature in self._features.items():
            if feature["dtype"] == "string":
                columns[key] = list(episode.columns[key])
            elif feature["dtype"] in NUMERIC_DTYPES and key not in DEFAULT_FEATURES:
                values = np.asarray(episode.columns[key]).astype(feature["dtype"])
                columns[key] = values.reshape(-1, *feature["shape"]) if len(feature["shape"]) > 1 else values
        frame = np.arange(episode.length, dtype=np.int64)
        first_row = self._first_row + sum(before.length for before in self._new[:n])
        return columns | {
            "timestamp": (frame / self._fps).astype(np.float32),
            "frame_index": frame,
            "episode_index": np.full(episode.length, self._first + n, np.int64),
            "index": frame + first_row,
            "task_index": self._task_numbers(episode),
        }

    def _task_numbers(self, episode: NewEpisode) -> NDArray[np.int64]:
        made = [self._plan.asked[text] for text in task_texts(episode)]
        return np.array(made * episode.length if len(made) == 1 else made, np.int64)

    def _write_data(self, draft: Draft, tables: Sequence[Mapping[str, Any]], rows: list[dict[str, Any]]) -> None:
        schema = data_schema(self._features)
        made = []
        for episode, columns in zip(self._new, tables, strict=True):
            with to_blame(episode):
                made.append(data_table(schema, columns))
        old = self._base.episodes if self._base else []
        last = max(old, key=lambda e: (e.data_chunk, e.data_file_index), default=None)
        with DataWriter(schema, draft.data_path, draft.data_limit, draft.chunks_size) as writer:
            if last is not None and last.data_file is not None:
                writer.go_on(last.data_file, last.data_chunk, last.data_file_index, made[0])
            for row, table in zip(rows, made, strict=True):
                row["data/chunk_index"], row["data/file_index"] = writer.add(table)
        for episode, row, columns in zip(self._new, rows, tables, strict=True):
            with to_blame(episode):
                row |= episode_table.stats_columns(self._stats(columns))

    def _stats(self, columns: Mapping[str, Any]) -> dict[str, stats.Stat]:
        made = {}
        for key, feature in self._features.items():
            if feature["dtype"] in NUMERIC_DTYPES:
                values = columns["frame_index"] / self._fps if key == "timestamp" else columns[key]
                if (stat := episode_table.feature_stats(feature, np.asarray(values))) is not None:
                    made[key] = stat
        return made

    def _write_videos(self, draft: Draft, key: str, rows: list[dict[str, Any]]) -> None:
        placer = Placer(self._fps, draft.video_limit, draft.chunks_size)
        spans = [e.videos[key] for e in self._base.episodes if key in e.videos] if self._base else []
        if spans:
            last = max(spans, key=lambda span: (span.chunk, span.file))
            placer.go_on(last.path, last.chunk, last.file)
        for episode, row in zip(self._new, rows, strict=True):
            with to_blame(episode):
                place = _place(placer, episode, key, self._features)
                found = stats.from_json(episode.camera_stats[key])
            row[f"videos/{key}/chunk_index"] = place.chunk
            row[f"videos/{key}/file_index"] = place.file
            row[f"videos/{key}/from_timestamp"] = place.first_frame / self._fps
            row[f"videos/{key}/to_timestamp"] = (place.first_frame + episode.length) / self._fps
            row |= episode_table.stats_columns({key: found})
        placer.write(lambda chunk, file: draft.video_path(key, chunk, file))

    def _write_meta(self, draft: Draft, rows: Sequence[Mapping[str, Any]]) -> None:
        schema = episode_table.episode_schema(self._features)
        table = episode_table.new_table(rows, schema)
        known: Mapping[str, Any] = {}
        if self._base and self._first:
            old = episode_table.old_table(self._base, schema)
            if len(self._numbers) == self._first and episode_table.missing_numeric(old, self._features):
                every = range(self._first)
                columns = episode_table.numeric_columns(self._base, self._features, every)
                old = episode_table.with_columns(old, columns)
            table = pa.concat_tables([old, table], promote_options="default")
            known = self._base.stats()
        episode_table.write_episodes(draft.episodes_path(), table)
        frames = self._first_row + sum(episode.length for episode in self._new)
        splits, notes = mapped_splits(self._info.get("splits"), self._first, range(self._first), len(self._new))
        counts = {"episodes": table.num_rows, "frames": frames, "tasks": len(self._plan.texts)}
        info = counted_info(self._info, **counts, splits=splits)
        totals = episode_table.aggregate(table, self._features, known, self._first)
        if self._base and self._first:
            notes += stale_notes(self._base.root, self._base.info, self._features, known, totals)
        self._notes = notes
        draft.write_meta(carried_stats(totals, known), info, self._sidecar())

    def _sidecar(self) -> Sidecar:
        old = self._base.sidecar if self._base else Sidecar()
        entries = [e.extra or {"uuid": None, "length": e.length} for e in self._base.episodes] if self._base else []
        entries += [{**new.extra, "uuid": new.uuid, "length": new.length} for new in self._new]
        return Sidecar(old.revision + 1, entries, {**old.more, "made_by": self._made_by})


def _build(commit: _Commit, root: Path, folder: Path) -> None:
    try:
        commit.build(folder)
    except MISFITS as error:
        raise CommitError(f"cannot add to {root}: {misfit_words(root, error)}") from error


def _features(root: Path, base: Dataset | None, spec: DatasetSpec) -> Features:
    mine = complete(spec.features)
    if base is None:
        return mine
    unlike = differences(mine, base.features, spec.fps, base.fps)
    if unlike:
        raise FeaturesDiffer(root, unlike)
    check_base(base)
    return base.features


def _place(placer: Placer, episode: NewEpisode, key: str, features: Features) -> Place:
    try:
        piece = piece_of(episode.videos[key])
    except VideoError as error:
        raise CommitError(f"episode {episode.uuid}, camera {key}: {error}") from error
    size, wanted = (piece.index.width, piece.index.height), frame_size(features[key])
    if size != wanted:
        raise CommitError(
            f"episode {episode.uuid}: its video of {key} is {size[0]}x{size[1]}, "
            f"the dataset has {wanted[0]}x{wanted[1]}; record with the dataset's size, or into another dataset"
        )
    if piece.frames != episode.length:
        raise CommitError(
            f"episode {episode.uuid} has {episode.length} rows, its video of {key} {piece.frames} frames; "
            "encode it again"
        )
    return placer.add(piece)


def _camera_info(episode: NewEpisode, key: str) -> dict[str, Any]:
    if key in episode.camera_info:
        return dict(episode.camera_info[key])
    try:
        return get_video_info(episode.videos[key])
    except VideoError as error:
        raise CommitError(f"episode {episode.uuid}, camera {key}: {error}") from error


def _silent(done: int, total: int) -> None:
    pass
