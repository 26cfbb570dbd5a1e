"""Change committed episodes: delete, trim, relabel, revert. Nothing is re-encoded or changed in place.

Every edit builds the next state beside the old one and swaps it in; the old state becomes a revision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from robotdata.capture.texts import tidy_task
from robotdata.dataset.annotations import Edit, Ids, carry_annotations, with_uuids
from robotdata.dataset.errors import DatasetError, EditError, NoSuchEpisode
from robotdata.dataset.features import tidy_names, video_keys
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.sidecar import Sidecar
from robotdata.dataset.write.base_state import check_base, check_videos, refuse_cached
from robotdata.dataset.write.commit_progress import CommitProgress
from robotdata.dataset.write.compose import compose
from robotdata.dataset.write.episode_refs import StoredRef, plan_parts
from robotdata.dataset.write.misfits import MISFITS, explain_misfit
from robotdata.dataset.write.swap import NEXT, list_revisions, recover_dataset, swap_in, work_folder
from robotdata.dataset.write.trims import Range, kept_ranges
from robotdata.files.new_file import write_new_text
from robotdata.files.trees import link_tree, unlink_from_others
from robotdata.video.errors import VideoError

LOCK_WAIT_S = 60.0
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class EditResult:
    """The dataset after an edit. `trimmed`: the frames kept, by old episode number; perhaps more than requested."""

    revision: int
    episodes: int
    frames: int
    trimmed: Mapping[int, Range] = field(default_factory=dict)


def edit_episodes(
    root: Path,
    *,
    delete: Iterable[int] = (),
    tasks: Mapping[int, str] | None = None,
    trims: Mapping[int, Range] | None = None,
    work: Path,
    revisions: Path,
    keep_revisions: int = 10,
    progress: Progress | None = None,
) -> EditResult:
    """Delete, relabel and trim episodes in one new state.

    `delete`: episode numbers. `tasks`: new task texts. `trims`: frames [first, end) to keep. Later episodes move up. A
    trim begins at a keyframe at or before the requested frame; kept frames are unchanged bit for bit. Raises
    NoSuchEpisode, and EditError for an episode listed twice, an empty text, an invalid range, an edit that leaves no
    episode, or frames that cannot be cut out without encoding. The dataset is then unchanged.
    """
    deleted, texts, ranges = list(delete), dict(tasks or {}), dict(trims or {})
    if len(set(deleted)) < len(deleted):
        raise EditError(f"{root}: an episode is listed twice; list each once")
    result = apply_edit(
        root,
        lambda base: Edit(_numbers(base, deleted), texts, ranges),
        work=work,
        revisions=revisions,
        keep_revisions=keep_revisions,
        progress=progress,
    )
    if result is None:
        raise EditError(f"{root}: no episode is listed; there is nothing to change")
    return result


def preview_edit(
    base: DatasetFolder,
    *,
    delete: Iterable[int] = (),
    tasks: Mapping[int, str] | None = None,
    trims: Mapping[int, Range] | None = None,
) -> dict[int, Range]:
    """Return the frames [first, end) that each trim would keep, by episode. Raises what `edit_episodes` would."""
    deleted, ranges = list(delete), dict(trims or {})
    edit = Edit(_numbers(base, deleted), dict(tasks or {}), ranges)
    _check(base, edit)
    try:
        return kept_ranges(base, ranges)
    except VideoError as error:
        raise _not_cut(base, error) from error


def apply_edit(
    root: Path,
    plan: Callable[[DatasetFolder], Edit],
    *,
    work: Path,
    revisions: Path,
    keep_revisions: int = 10,
    progress: Progress | None = None,
    lock_wait_s: float = LOCK_WAIT_S,
    made_by: Mapping[str, Any] | None = None,
    ids: Ids | None = None,
    before_swap: Callable[[], None] | None = None,
    may_empty: bool = False,
) -> EditResult | None:
    """Apply the edit that `plan` returns for the locked dataset, as `edit_episodes` does; return None if it is empty.

    `made_by` is stored in the new revision's sidecar. With `ids`, episodes without a UUID get one. `before_swap` is
    called when the next state is complete and not yet in place: if it raises, the dataset is unchanged. `may_empty`:
    all episodes may be deleted.
    """
    root = root.resolve()
    refuse_cached(root)
    with dataset_lock(root, wait_s=lock_wait_s):
        recover_dataset(root, work, revisions)
        base = DatasetFolder.open(root)
        if ids is not None:
            base = all_with_uuids(base, ids)
        edit = plan(base)
        if not edit:
            return None
        _check(base, edit, may_empty=may_empty)
        steps = CommitProgress(video_keys(base.features), progress)
        with steps.named(), next_state(root, work, revisions, keep_revisions) as folder:
            result = _compose(base, folder, edit, {**edit_counts(edit), **(made_by or {})}, steps)
            if before_swap is not None:
                before_swap()
        steps.step()
    return result


def select_episodes(root: Path, indices: Sequence[int], folder: Path) -> None:
    """Build a dataset of these episodes of `root` in the new folder `folder`; `root` is not changed.

    Raises NoSuchEpisode, and EditError as an edit does. `folder` is then incomplete.
    """
    base = DatasetFolder.open(root.resolve())
    chosen = _numbers(base, indices)
    if not chosen:
        raise EditError(f"{root}: no episode is chosen; choose at least one")
    edit = Edit(frozenset(range(len(base.episodes))) - chosen, {}, {})
    _check(base, edit)
    _compose(base, folder, edit, {"what": "selected"}, CommitProgress(video_keys(base.features), None))


def edit_counts(edit: Edit) -> dict[str, Any]:
    """Return the counts of an edit for its revision: episodes deleted, relabelled and trimmed."""
    counts = {"deleted": len(edit.delete), "relabelled": len(edit.tasks), "trimmed": len(edit.trims)}
    return {"what": "edited", **{name: count for name, count in counts.items() if count}}


def delete_episodes(root: Path, indices: Iterable[int], **where: Any) -> EditResult:
    """Delete episodes; see `edit_episodes`."""
    return edit_episodes(root, delete=indices, **where)


def set_tasks(root: Path, tasks: Mapping[int, str], **where: Any) -> EditResult:
    """Give episodes another task text; texts that no episode has any more are removed. See `edit_episodes`."""
    return edit_episodes(root, tasks=tasks, **where)


def trim_episodes(root: Path, trims: Mapping[int, Range], **where: Any) -> EditResult:
    """Keep frames [first, end) of these episodes; see `edit_episodes`."""
    return edit_episodes(root, trims=trims, **where)


def revert(
    root: Path,
    revision: int,
    *,
    work: Path,
    revisions: Path,
    keep_revisions: int = 10,
    lock_wait_s: float = LOCK_WAIT_S,
    made_by: Mapping[str, Any] | None = None,
    ids: Ids | None = None,
) -> EditResult:
    """Make the state `revision` the current one again, as a new revision. The current state stays available, too.

    Current annotations of episodes that are in both states are kept. Raises EditError, which lists the available
    revisions, if it does not exist.
    """
    root = root.resolve()
    refuse_cached(root)
    with dataset_lock(root, wait_s=lock_wait_s):
        recover_dataset(root, work, revisions)
        source = revisions / str(revision)
        if not source.is_dir():
            available = ", ".join(map(str, list_revisions(revisions))) or "none"
            raise EditError(f"{root} has no revision {revision} to revert to; available: {available}")
        base, old = DatasetFolder.open(root), DatasetFolder.open(source)
        if ids is not None:
            base, old = all_with_uuids(base, ids), all_with_uuids(old, ids)
        with next_state(root, work, revisions, keep_revisions) as folder:
            link_tree(source, folder)
            unlink_from_others(folder / "meta")
            entries = carry_annotations(old.sidecar, base.sidecar, _same_content(old, base))
            details = {"what": "reverted", "reverted_to": revision, **(made_by or {})}
            sidecar = Sidecar(base.revision + 1, entries, {**old.sidecar.more, "made_by": details})
            path = folder / SIDECAR
            path.unlink(missing_ok=True)
            write_new_text(path, sidecar.to_json())
            DatasetFolder.open(folder)
    return edit_result(root, {})


@contextmanager
def next_state(root: Path, work: Path, revisions: Path, keep: int) -> Iterator[Path]:
    """Yield the folder for the next state; swap it in if the block succeeds."""
    with work_folder(root, work) as folder:
        yield folder / NEXT
        swap_in(root, folder, revisions, keep_revisions=keep)


def all_with_uuids(base: DatasetFolder, ids: Ids) -> DatasetFolder:
    """Return the dataset with a UUID for every episode."""
    sidecar = with_uuids(base, ids)
    episodes = [
        replace(each, uuid=entry["uuid"], extra=entry)
        for each, entry in zip(base.episodes, sidecar.episodes, strict=True)
    ]
    return replace(base, sidecar=sidecar, episodes=episodes)


def _same_content(old: DatasetFolder, now: DatasetFolder) -> Callable[[int, int], bool]:
    """Return a function that compares the episodes at two positions of `old` and `now` by length and tasks."""

    def same(old_position: int, position: int) -> bool:
        if old_position >= len(old.episodes) or position >= len(now.episodes):
            return False
        before, after = old.episodes[old_position], now.episodes[position]
        return (before.length, before.tasks) == (after.length, after.tasks)

    return same


def _numbers(base: DatasetFolder, indices: Iterable[Any]) -> frozenset[int]:
    """Return the episode numbers. Raises NoSuchEpisode."""
    for index in indices:
        if type(index) is not int or not 0 <= index < len(base.episodes):
            raise NoSuchEpisode(base.root, index, len(base.episodes))
    return frozenset(indices)


def _check(base: DatasetFolder, edit: Edit, *, may_empty: bool = False) -> None:
    """Raise if the edit does not fit this dataset, or if the dataset cannot be changed."""
    deleted = _numbers(base, edit.delete)
    _numbers(base, edit.tasks)
    _numbers(base, edit.trims)
    for index, text in edit.tasks.items():
        if not tidy_task(text):
            raise EditError(f"{base.root}, {base.episode(index).name}: the task is empty; describe what the robot does")
    if len(deleted) == len(base.episodes) and not may_empty:
        raise EditError(f"{base.root}: no episode would be left; delete the dataset instead")
    check_base(base)
    check_videos(base, edit)


def _not_cut(base: DatasetFolder, error: VideoError) -> EditError:
    return EditError(
        f"{base.root} cannot be edited: {error}. Edits copy frames and never re-encode: leave the "
        "episodes of that video unchanged, or delete all of them"
    )


def _compose(
    base: DatasetFolder, folder: Path, edit: Edit, made_by: Mapping[str, Any], steps: CommitProgress
) -> EditResult:
    """Build the next state in `folder`, and return what the dataset will be."""
    try:
        remaining = [episode for episode in base.episodes if episode.index not in edit.delete]
        ranges = kept_ranges(base, {n: part for n, part in edit.trims.items() if n not in edit.delete})
        refs = [StoredRef(episode, ranges.get(episode.index), edit.tasks.get(episode.index)) for episode in remaining]
        plan = plan_parts(base, base.features, base.fps, refs)
        info = {**base.info, "features": tidy_names(base.info["features"])}
        compose(plan, folder, info, made_by, steps)
        return EditResult(base.revision + 1, len(plan.parts), plan.frames, ranges)
    except VideoError as error:
        raise _not_cut(base, error) from error
    except MISFITS as error:
        raise EditError(f"{base.root} cannot be edited: {explain_misfit(base.root, error)}") from error


def edit_result(root: Path, trimmed: Mapping[int, Range]) -> EditResult:
    """Return what the dataset is after an edit. Raises EditError."""
    try:
        dataset = DatasetFolder.open(root)
    except DatasetError as error:
        raise EditError(f"{root} was changed by somebody else meanwhile: {error}") from error
    return EditResult(dataset.revision, len(dataset.episodes), dataset.total_frames, trimmed)
