"""Repair a dataset: examine it, build the next state beside it, read that back, swap. The old state is a revision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robotdata.dataset.errors import DatasetError, EditError
from robotdata.dataset.layout import TASKS
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.repair.examine import Examined, examined, task_changes
from robotdata.dataset.repair.findings import RepairReport
from robotdata.dataset.repair.new_rows import write_file
from robotdata.dataset.repair.rows import EpisodeRows
from robotdata.dataset.repair.statistics import count_cameras, new_totals
from robotdata.dataset.sidecar import Sidecar
from robotdata.dataset.tables import write_tasks
from robotdata.dataset.verify.check import verify_dataset
from robotdata.dataset.verify.report import MOST
from robotdata.dataset.write import episode_table
from robotdata.dataset.write.base_state import refuse_cached
from robotdata.dataset.write.draft import Draft
from robotdata.dataset.write.misfits import MISFITS, explain_misfit
from robotdata.dataset.write.next_state import kind_of
from robotdata.dataset.write.stale import carried_stats
from robotdata.dataset.write.swap import NEXT, recover_dataset, swap_in, work_folder
from robotdata.numbers import count
from robotdata.video.errors import VideoError

LOCK_WAIT_S = 60.0
STEPS = 4
"""What `progress` counts: examined, written, read back, put in place."""
Progress = Callable[[int, int], None]
_LISTED = 5


@dataclass(frozen=True, slots=True)
class RepairResult:
    """The dataset after a repair. `revision` is None if there was nothing to repair, and nothing was written."""

    report: RepairReport
    revision: int | None = None


def repair(
    root: Path,
    *,
    work: Path,
    revisions: Path,
    keep_revisions: int = 10,
    progress: Progress | None = None,
    before_swap: Callable[[], None] | None = None,
    lock_wait_s: float = LOCK_WAIT_S,
    made_by: Mapping[str, Any] | None = None,
) -> RepairResult:
    """Put right everything that `examine` finds in the dataset in `root`, as one new revision.

    Rows keep all other columns, videos are not touched, and unchanged files are shared with the old state, to which
    `revert` leads back. What cannot be repaired stays as it is, and is in the notes of the revision. `progress` is
    called with (steps done, STEPS), and `before_swap` when all is written; both may raise to cancel. Raises EditError
    if the result does not verify, DatasetBusy, and other DatasetErrors; the dataset is then unchanged.
    """
    root = root.resolve()
    refuse_cached(root)
    step = step_counter(progress)
    with dataset_lock(root, wait_s=lock_wait_s):
        recover_dataset(root, work, revisions)
        base = DatasetFolder.open(root)
        try:
            step()
            plan = examined(base)
            if not plan.report.findings:
                return RepairResult(plan.report)
            with work_folder(root, work) as folder:
                step()
                compose_repaired(plan, folder / NEXT, made_by or {}, step)
                if before_swap is not None:
                    before_swap()
                step()
                swap_in(root, folder, revisions, keep_revisions=keep_revisions)
        except VideoError as error:
            raise EditError(f"{root} cannot be repaired: {error}") from error
        except MISFITS as error:
            if isinstance(error, DatasetError):
                raise
            raise EditError(f"{root} cannot be repaired: {explain_misfit(root, error)}") from error
    return RepairResult(plan.report, base.revision + 1)


def step_counter(progress: Progress | None) -> Callable[[], None]:
    """Return a function that reports the next step each time it is called."""
    counted = iter(range(STEPS))
    return lambda: None if progress is None else progress(next(counted), STEPS)


def compose_repaired(plan: Examined, folder: Path, made_by: Mapping[str, Any], step: Callable[[], None]) -> None:
    """Write the next state into `folder` and read it back; `made_by` goes into its sidecar. Raises EditError."""
    base = plan.base
    draft = Draft(folder, base, plan.info)
    if plan.tasks.rewrite and plan.tasks.readable:
        draft.write_tasks(plan.tasks.plan)
    elif plan.tasks.rewrite:
        write_tasks(draft.free(draft.root / TASKS), plan.tasks.plan.texts)
    files: dict[Path, list[EpisodeRows]] = {}
    for rows in plan.rows:
        if rows.path is not None:
            files.setdefault(rows.path, []).append(rows)
    for path, episodes in files.items():
        changed = any(sum(rows.wrong.values()) or task_changes(rows, plan.tasks) for rows in episodes)
        if changed or plan.keep_times:
            target = draft.free(draft.root / path.relative_to(base.root.resolve()))
            write_file(path, target, episodes, plan.tasks.numbers, base.fps, keep_times=plan.keep_times)
    count_cameras(base, plan.stats, plan.rows, plan.starts)
    table = episode_table.with_values(plan.table, plan.values, fill_missing=True)
    table = episode_table.with_values(table, plan.stats.values, fill_missing=True)
    episode_table.write_episodes(draft.episodes_path(), table)
    totals, _ = new_totals(base, plan.table, table, plan.features)
    about = {"what": "repaired", "repaired": plan.report.counts, **made_by}
    draft.write_meta(carried_stats(totals, _old_totals(base)), plan.info, _sidecar(plan, about))
    step()
    _check(plan, draft)
    draft.add_notes([f"could not be repaired: {text}" for text in plan.report.left])


def _old_totals(base: DatasetFolder) -> dict[str, Any]:
    try:
        return base.stats()
    except DatasetError:
        return {}


def _sidecar(plan: Examined, about: Mapping[str, Any]) -> Sidecar:
    """Return the sidecar of the next state; annotations stay with their episodes.

    Its entries were written by place. If there are as many as episodes, the place still counts, else the number.
    """
    old = plan.base.sidecar
    by_place = len(old.episodes) == len(plan.rows)
    entries = []
    for rows, episode in zip(plan.rows, plan.base.episodes, strict=True):
        stored = old.entry(rows.number if by_place else episode.index, rows.length)
        entries.append({"uuid": None, **(stored or episode.extra), "length": rows.length})
    return Sidecar(old.revision + 1, entries, {**old.more, "made_by": dict(about)})


def _check(plan: Examined, draft: Draft) -> None:
    """Read the next state back. Raise EditError if something is wrong that was not wrong before; report the rest."""
    report = verify_dataset(draft.root)
    if report.ok:
        return
    before = verify_dataset(plan.base.root)
    kinds = {kind_of(before.root, problem) for problem in before.problems}
    new = [problem for problem in report.problems if kind_of(report.root, problem) not in kinds]
    if new and before.count <= MOST:
        raise EditError(
            f"the repaired state of {plan.base.root} failed verification and was discarded: "
            + "; ".join(map(str, new[:3]))
        )
    more = (
        [f"and {count(report.count - _LISTED, 'problem')} more that `verify` lists"] if report.count > _LISTED else []
    )
    own = f"{draft.root.resolve()}/"  # the folder of the draft, which nobody knows
    plan.report.left += [*(str(problem).replace(own, "") for problem in report.problems[:_LISTED]), *more]
