"""Change the features, words and statistics of a dataset: build the next state, read it back, swap.

Videos are linked and never encoded again; columns that stay are copied as they are. The old state is a revision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from robotdata.dataset.annotations import Ids, with_uuids
from robotdata.dataset.errors import EditError
from robotdata.dataset.features import Feature
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.verify.check import verify_dataset
from robotdata.dataset.verify.report import MOST
from robotdata.dataset.write import episode_table
from robotdata.dataset.write.base_state import check_base, refuse_cached
from robotdata.dataset.write.change_files import check_files, columns_change, data_files, move_videos, write_data
from robotdata.dataset.write.change_meta import (
    changed_info,
    changed_sidecar,
    changed_table,
    changed_totals,
    old_table,
    recounted,
)
from robotdata.dataset.write.draft import Draft
from robotdata.dataset.write.edit import LOCK_WAIT_S, EditResult, Progress
from robotdata.dataset.write.feature_change import FeatureChange, changed_features
from robotdata.dataset.write.language_change import check_language
from robotdata.dataset.write.misfits import MISFITS, explain_misfit
from robotdata.dataset.write.next_state import kind_of
from robotdata.dataset.write.swap import NEXT, recover_dataset, swap_in, work_folder
from robotdata.video.errors import VideoError

_LISTED = 3


def change_features(
    root: Path,
    change: FeatureChange,
    *,
    work: Path,
    revisions: Path,
    keep_revisions: int = 10,
    progress: Progress | None = None,
    lock_wait_s: float = LOCK_WAIT_S,
    made_by: Mapping[str, Any] | None = None,
    ids: Ids | None = None,
) -> EditResult:
    """Change the dataset in `root` as one new revision, to which `revert` leads back.

    `progress`: called with (steps done, all steps); it may raise to cancel. `ids`: gives UUIDs to episodes that have
    none. Raises EditError and FeatureError if the change cannot be made, DatasetBusy, and other DatasetErrors; the
    dataset is then unchanged.
    """
    root = root.resolve()
    refuse_cached(root)
    with dataset_lock(root, wait_s=lock_wait_s):
        recover_dataset(root, work, revisions)
        base = DatasetFolder.open(root)
        features = check_change(base, change)
        try:
            with work_folder(root, work) as folder:
                about = {"what": "features", **counts_of(change), **(made_by or {})}
                _Next(base, change, features, _steps(base, change, progress)).compose(folder / NEXT, about, ids)
                swap_in(root, folder, revisions, keep_revisions=keep_revisions)
        except VideoError as error:
            raise EditError(f"{root} cannot be changed: {error}") from error
        except MISFITS as error:
            raise EditError(f"{root} cannot be changed: {explain_misfit(root, error)}") from error
    return EditResult(base.revision + 1, len(base.episodes), base.total_frames)


def compose_change(base: DatasetFolder, change: FeatureChange, folder: Path, about: Mapping[str, Any]) -> None:
    """Build the state after the change in the new folder `folder`, and leave the dataset as it is.

    Raises as `change_features` does; `folder` is then incomplete.
    """
    _Next(base, change, check_change(base, change), _steps(base, change, None)).compose(folder, about, None)


def check_change(base: DatasetFolder, change: FeatureChange) -> dict[str, Feature]:
    """Return the features after the change. Raises EditError and FeatureError if it cannot be made."""
    features = changed_features(base, change)
    check_base(base)
    check_files(base, change)
    check_language(base, change)
    return features


def counts_of(change: FeatureChange) -> dict[str, Any]:
    """Return what a change does in numbers, for its revision."""
    counts = {
        "removed": len(change.remove),
        "renamed": len(change.rename),
        "added": len(change.add),
        "reworded": len(change.names) + (change.robot_type is not None),
    }
    more = {"statistics": change.statistics, "language": len(change.language or {})}
    return {name: count for name, count in {**counts, **more}.items() if count}


def _steps(base: DatasetFolder, change: FeatureChange, progress: Progress | None) -> Callable[[], None]:
    """Return a function that counts a step as done."""
    total = 3 + (len(data_files(base)) if columns_change(base, change) else 0)
    total += len(base.camera_keys) * len(base.episodes) if change.statistics == "all" else 0
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(min(done, total), total)

    return step


class _Next:
    """The next state of a dataset whose features change."""

    def __init__(
        self, base: DatasetFolder, change: FeatureChange, features: dict[str, Feature], step: Callable[[], None]
    ) -> None:
        self._base, self._change, self._features, self._step = base, change, features, step
        self._rewrites = columns_change(base, change)

    def compose(self, folder: Path, about: Mapping[str, Any], ids: Ids | None) -> None:
        """Write the state into `folder` and read it back. Raises EditError and others."""
        base, change, features = self._base, self._change, self._features
        info = changed_info(base, change, features)
        draft = Draft(folder, base, dict(base.info))
        move_videos(base, draft, change)
        self._step()
        table, notes = self._table()
        if self._rewrites:
            found = write_data(base, draft, change, features, self._step)
            table = episode_table.with_values(table, found, fill_missing=True)
        episode_table.write_episodes(draft.episodes_path(), table)
        entries = with_uuids(base, ids).episodes if ids else [_entry(e.extra, e.length) for e in base.episodes]
        totals = changed_totals(base, change, features, table)
        draft.write_meta(totals, info, changed_sidecar(base, change, entries, about))
        self._step()
        notes += self._check(draft)
        draft.add_notes(notes)
        self._step()

    def _table(self) -> tuple[Any, list[str]]:
        """Return the table of episodes without the statistics of added features, and notes."""
        table = old_table(self._base)
        notes: list[str] = []
        if self._change.statistics:
            table, notes = recounted(self._base, self._change, table, self._step)
        return changed_table(self._base, table, self._change, self._features), notes

    def _check(self, draft: Draft) -> list[str]:
        """Read the next state back. Raise EditError for what was not wrong before; return notes on the rest."""
        root, base = draft.root, self._base
        only = None if self._rewrites or self._change.statistics else range(0)
        now = DatasetFolder.open(root)
        pairs = zip(now.episodes, base.episodes, strict=True)
        lost = [new.index for new, old in pairs if len(new.problems) > len(old.problems)]
        if lost:
            raise EditError(f"the next state of {base.root} lost files of {len(lost)} episodes and was discarded")
        report = verify_dataset(root, episodes=only)
        if report.ok:
            return []
        before = verify_dataset(base.root, episodes=only)
        kinds = {kind_of(before.root, problem) for problem in before.problems}
        for old, new in self._change.rename.items():
            kinds |= {kind.replace(old, new) for kind in kinds}
        new_problems = [problem for problem in report.problems if kind_of(report.root, problem) not in kinds]
        if new_problems and (before.count <= MOST or report.count > before.count):
            listed = "; ".join(map(str, new_problems[:_LISTED]))
            raise EditError(f"the next state of {base.root} failed verification and was discarded: {listed}")
        own = f"{root.resolve()}/"  # the folder of the draft, which nobody knows
        return [
            f"had this problem before and was not changed: {str(problem).replace(own, '')}"
            for problem in report.problems[:_LISTED]
        ]


def _entry(extra: Mapping[str, Any], length: int) -> dict[str, Any]:
    return dict(extra) if extra else {"uuid": None, "length": length}
