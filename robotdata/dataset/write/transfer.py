"""Copy episodes between datasets: copy, move, split, merge, duplicate. Packets are copied, nothing is encoded.

A new dataset is built beside its place and renamed into it; an existing one gets a revision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from robotdata.dataset.annotations import Edit, Ids
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import EditError, NoSuchEpisode
from robotdata.dataset.features import tidy_names, video_keys
from robotdata.dataset.layout import Layout
from robotdata.dataset.lock import dataset_locks
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.sidecar import Sidecar, read_sidecar
from robotdata.dataset.write.base_state import check_base, check_videos, refuse_cached
from robotdata.dataset.write.brought import BroughtRef
from robotdata.dataset.write.commit_progress import CommitProgress
from robotdata.dataset.write.compose import compose
from robotdata.dataset.write.edit import LOCK_WAIT_S, Progress, apply_edit
from robotdata.dataset.write.episode_refs import EpisodeRef, StoredRef, plan_parts
from robotdata.dataset.write.fit import CannotJoin, Names, compare
from robotdata.dataset.write.misfits import MISFITS, explain_misfit
from robotdata.dataset.write.origins import Label, entry_kept, entry_of_copy, not_there
from robotdata.dataset.write.swap import NEXT, is_fresh, recover_dataset, swap_in, work_folder
from robotdata.files.trees import own_copy, remove_tree
from robotdata.video.errors import VideoError


@dataclass(frozen=True, slots=True)
class Transferred:
    """A dataset that got episodes: `first_index` is the number of the first of them, `added` how many there are."""

    root: Path
    revision: int
    episodes: int
    frames: int
    first_index: int
    added: int


@dataclass(frozen=True, slots=True)
class Where:
    """Where a dataset's next states are built, on its file system, and where its earlier ones are kept."""

    work: Path
    revisions: Path
    keep_revisions: int = 10


@dataclass(frozen=True, slots=True)
class How:
    """What all transfers may be told.

    `progress`: called with (steps done, all steps); it may raise to cancel. `made_by`: stored in the new revision's
    sidecar. `wait_s`: how long to wait for other processes. `ids`: gives UUIDs to moved episodes that have none.
    """

    progress: Progress | None = None
    made_by: Mapping[str, Any] = field(default_factory=dict)
    wait_s: float = LOCK_WAIT_S
    ids: Ids | None = None


def copy_episodes(
    source: Path,
    indices: Iterable[int],
    dest: Path,
    where: Where,
    *,
    names: Names | None = None,
    keep_uuids: bool = False,
    how: How | None = None,
) -> Transferred:
    """Copy episodes to the end of `dest`, in their order; `dest` is created if it does not exist.

    A copy has a UUID of its own and says in the sidecar where it comes from; with `keep_uuids` it keeps the UUID, and
    episodes that `dest` has already are not copied again. Raises NoSuchEpisode, CannotJoin with a table of differences,
    EditError and DatasetBusy; `dest` is then unchanged.
    """
    source, dest, how = source.resolve(), dest.resolve(), how or How()
    if source == dest:
        raise EditError(f"{source.name} is both source and destination; choose another dataset, or duplicate it")
    refuse_cached(dest)
    with dataset_locks([source, dest], wait_s=how.wait_s):
        recover_dataset(dest, where.work, where.revisions)
        theirs = _opened(source)
        chosen = _chosen(theirs, indices)
        base = None if is_fresh(dest) else _opened(dest)
        label = partial(entry_kept, how.ids) if keep_uuids else entry_of_copy
        if base is None or not base.episodes:
            about = {"what": "copied", "copied": len(chosen), "from": source.name, **how.made_by}
            if names not in (None, Names()):
                raise EditError(f"{dest.name} has no episodes, so names cannot be mapped to its own: leave the map out")
            _build(_Part(dest, where, theirs, chosen, label), [], about, how)
            return _result(dest, 0, len(chosen))
        added = not_there(base, chosen) if keep_uuids else chosen
        about = {"what": "copied", "copied": len(added), "from": source.name, **how.made_by}
        if added:
            refs = _brought(theirs, added, base, names or Names(), label)
            stored = [StoredRef(episode) for episode in base.episodes]
            _compose(base, [*stored, *refs], dest, where, about, how)
        return _result(dest, len(base.episodes), len(added))


def move_episodes(
    source: Path, indices: Iterable[int], dest: Path, source_where: Where, dest_where: Where, **options: Any
) -> Transferred:
    """Copy episodes to `dest` with their UUIDs, and delete them in `source` once the copy is durable: two revisions.

    The state of `source` without them is built before the copy, so that nothing is copied if they cannot be deleted. If
    it is killed between the two revisions, the episodes are in both; doing it again completes it. If all are moved,
    `source` becomes a dataset without episodes; see `emptied`. Raises as `copy_episodes`, and EditError if they cannot
    be deleted as `edit_episodes` says.
    """
    numbers = list(indices)
    how: How = options.get("how") or How()
    with dataset_locks([source, dest], wait_s=how.wait_s):
        recover_dataset(source.resolve(), source_where.work, source_where.revisions)
        theirs = DatasetFolder.open(source)
        _chosen(theirs, numbers)
        doomed, results = frozenset(numbers), []

        def write_copy() -> None:
            results.append(copy_episodes(source, numbers, dest, dest_where, keep_uuids=True, **options))

        apply_edit(
            source,
            lambda _: Edit(delete=doomed),
            work=source_where.work,
            revisions=source_where.revisions,
            keep_revisions=source_where.keep_revisions,
            made_by=how.made_by,
            ids=how.ids,
            before_swap=write_copy,
            may_empty=True,
        )
    return results[0]


def duplicate(source: Path, dest: Path, where: Where, *, how: How | None = None) -> Transferred:
    """Copy the whole dataset to `dest`, which must not exist. Raises as `split`."""
    return split(source, {dest: None}, {dest: where}, how=how)[0]


def split(
    source: Path,
    parts: Mapping[Path, Sequence[int] | None],
    where: Mapping[Path, Where],
    *,
    how: How | None = None,
) -> list[Transferred]:
    """Make a new dataset of each list of episodes (None: all of them). The source is unchanged.

    All are built before the first is put in place. Raises EditError if one exists or is empty, NoSuchEpisode, and
    DatasetBusy; no dataset is then made. If it is killed, each of them exists as a whole or not at all.
    """
    source, how = source.resolve(), how or How()
    dests = [dest.resolve() for dest in parts]
    with dataset_locks([source, *dests], wait_s=how.wait_s), ExitStack() as stack:
        for dest, own in zip(dests, where.values(), strict=True):
            recover_dataset(dest, own.work, own.revisions)
            _check_free(dest)
        theirs = _opened(source)
        steps = _Steps(how, len(dests))
        finish: list[Callable[[], None]] = []
        made = []
        for dest, numbers, own in zip(dests, parts.values(), where.values(), strict=True):
            chosen = list(theirs.episodes) if numbers is None else _chosen(theirs, numbers)
            what = "duplicated" if numbers is None else "split"
            about = {"what": what, "copied": len(chosen), "from": source.name, **how.made_by}
            part = _Part(dest, own, theirs, chosen, entry_of_copy)
            finish.append(_prepare(part, [], about, steps.next(), stack))
            made.append((dest, len(chosen)))
        _finish_all(dests, finish)
    return [_result(dest, 0, count) for dest, count in made]


def merge(
    roots: Sequence[Path], dest: Path, where: Where, *, names: Names | None = None, how: How | None = None
) -> Transferred:
    """Make one new dataset of all episodes of `roots`, in this order. Features are the first dataset's.

    `names` maps names of the others to the first one's. Raises CannotJoin with a table of differences, and as `split`.
    """
    roots, dest, how = [root.resolve() for root in roots], dest.resolve(), how or How()
    if len(set(roots)) < max(2, len(roots)):
        raise EditError("merging needs two or more different datasets")
    with dataset_locks([*roots, dest], wait_s=how.wait_s):
        recover_dataset(dest, where.work, where.revisions)
        _check_free(dest)
        first, *others = [_opened(root) for root in roots]
        refs: list[BroughtRef] = []
        for other in others:
            refs += _brought(other, other.episodes, first, names or Names(), entry_of_copy)
        count = len(first.episodes) + len(refs)
        about = {"what": "merged", "copied": count, "from": ", ".join(root.name for root in roots), **how.made_by}
        _build(_Part(dest, where, first, first.episodes, entry_of_copy), refs, about, how)
    return _result(dest, 0, count)


def shares(total: int, fractions: Mapping[str, float]) -> dict[str, list[int]]:
    """Return consecutive episodes for each share, by LeRobot's rule: rounded down, and the last one takes the rest.

    Raises EditError if they exceed 1 or one would have no episode.
    """
    if not fractions or sum(fractions.values()) > 1 + 1e-9 or min(fractions.values()) <= 0:
        raise EditError("shares must be above 0 and not exceed 1 together, such as 0.8 and 0.2")
    result, first = {}, 0
    for place, (name, fraction) in enumerate(fractions.items(), 1):
        end = total if place == len(fractions) else first + int(total * fraction)
        if end <= first:
            raise EditError(f"{fraction:g} of {total} episodes is none for {name}: give it a larger share")
        result[name] = list(range(first, end))
        first = end
    return result


@dataclass(frozen=True, slots=True)
class _Part:
    """A new dataset: `chosen` episodes of `source`, labelled by `label`, at `dest`."""

    dest: Path
    where: Where
    source: DatasetFolder
    chosen: Sequence[EpisodeInfo]
    label: Label


class _Steps:
    """Counts the steps of several datasets as one."""

    def __init__(self, how: How, count: int) -> None:
        self._progress, self._count, self._at = how.progress, count, -1

    def next(self) -> Progress | None:
        """Return the progress of the next dataset."""
        self._at += 1
        at, progress = self._at, self._progress
        if progress is None:
            return None
        return lambda done, total: progress(at * total + done, self._count * total)


def _build(part: _Part, refs: Sequence[BroughtRef], about: Mapping[str, Any], how: How) -> None:
    """Build one new dataset and put it in place."""
    with ExitStack() as stack:
        _prepare(part, refs, about, how.progress, stack)()


def _prepare(
    part: _Part, refs: Sequence[BroughtRef], about: Mapping[str, Any], progress: Progress | None, stack: ExitStack
) -> Callable[[], None]:
    """Build a new dataset in a work folder; return the function that puts it in place."""
    if not part.chosen:
        raise EditError(f"{part.dest.name} would have no episode; choose at least one")
    base = _relabelled(part)
    check_videos(base, Edit(frozenset(range(len(base.episodes))) - {episode.index for episode in part.chosen}))
    stored = [StoredRef(base.episode(episode.index)) for episode in part.chosen]
    folder = stack.enter_context(work_folder(part.dest, part.where.work))
    steps = CommitProgress(video_keys(base.features), progress)
    with steps.named():
        _compose_into(folder / NEXT, base, [*stored, *refs], about, steps)
        videos = set(_video_files(folder / NEXT, base))
        for path in (folder / NEXT).rglob("*"):
            if path.is_file() and path not in videos:
                own_copy(path)  # other programs change these in place

    def finish() -> None:
        swap_in(part.dest, folder, part.where.revisions, keep_revisions=part.where.keep_revisions)
        steps.step()

    return finish


def _finish_all(dests: Sequence[Path], finish: Sequence[Callable[[], None]]) -> None:
    """Put all new datasets in place; none if one fails."""
    for number, swap in enumerate(finish):
        try:
            swap()
        except BaseException:
            for dest in dests[:number]:
                remove_tree(dest)
            raise


def _relabelled(part: _Part) -> DatasetFolder:
    """Return the source as the first state of a new dataset, with the entries of the copies."""
    entries = [{"uuid": None, **each.extra, "length": each.length} for each in part.source.episodes]
    for episode in part.chosen:
        entries[episode.index] = part.label(part.source, episode)
    episodes = [
        replace(each, uuid=entry["uuid"], extra=entry)
        for each, entry in zip(part.source.episodes, entries, strict=True)
    ]
    sidecar = Sidecar(read_sidecar(part.dest, []).revision, entries, part.source.sidecar.more)
    return replace(part.source, sidecar=sidecar, episodes=episodes)


def _video_files(root: Path, base: DatasetFolder) -> list[Path]:
    layout = Layout.of(root, base.info)
    return [path for path in layout.content_files() if path.suffix != ".parquet"]


def _compose(
    base: DatasetFolder, refs: Sequence[EpisodeRef], root: Path, where: Where, about: Mapping[str, Any], how: How
) -> None:
    """Build the next state of an existing dataset and put it in place."""
    steps = CommitProgress(video_keys(base.features), how.progress)
    with work_folder(root, where.work) as folder, steps.named():
        _compose_into(folder / NEXT, base, refs, about, steps)
        swap_in(root, folder, where.revisions, keep_revisions=where.keep_revisions)
    steps.step()


def _compose_into(
    folder: Path, base: DatasetFolder, refs: Sequence[EpisodeRef], about: Mapping[str, Any], steps: CommitProgress
) -> None:
    try:
        plan = plan_parts(base, base.features, base.fps, refs)
        info = {**base.info, "features": tidy_names(base.info["features"])}
        compose(plan, folder, info, about, steps)
    except VideoError as error:
        raise EditError(
            f"the episodes cannot be copied: {error}. Frames are copied and never encoded again: copy the episode "
            "before it as well, or leave it out"
        ) from error
    except MISFITS as error:
        others = {ref.dataset.root for ref in refs if isinstance(ref, BroughtRef)}
        wrong = "; ".join(f"{root.name}: {explain_misfit(root, error)}" for root in [base.root, *others])
        raise EditError(f"the episodes cannot be copied: {wrong}") from error


def _brought(
    theirs: DatasetFolder, chosen: Sequence[EpisodeInfo], ours: DatasetFolder, names: Names, label: Label
) -> list[BroughtRef]:
    """Return references to episodes of another dataset. Raises CannotJoin."""
    compared = compare(theirs, ours, names)
    if compared.differing:
        raise CannotJoin(theirs, ours, compared.differing)
    refs = []
    for episode in chosen:
        entry = label(theirs, episode)
        refs.append(BroughtRef(theirs, episode, compared.fit, entry["uuid"], entry))
    return refs


def _opened(root: Path) -> DatasetFolder:
    """Open a dataset whose episodes can be referred to by number."""
    dataset = DatasetFolder.open(root)
    check_base(dataset)
    return dataset


def _chosen(dataset: DatasetFolder, indices: Iterable[int]) -> list[EpisodeInfo]:
    """Return the episodes with these numbers, in their order. Raises NoSuchEpisode and EditError."""
    numbers = list(indices)
    for number in numbers:
        if type(number) is not int or not 0 <= number < len(dataset.episodes):
            raise NoSuchEpisode(dataset.root, number, len(dataset.episodes))
    if not numbers or len(set(numbers)) < len(numbers):
        raise EditError(f"{dataset.root.name}: list each episode once, and at least one")
    return [dataset.episode(number) for number in sorted(numbers)]


def _check_free(dest: Path) -> None:
    if not is_fresh(dest):
        raise EditError(f"{dest} exists already and is not empty: choose another name")


def _result(dest: Path, first: int, added: int) -> Transferred:
    dataset = DatasetFolder.open(dest)
    return Transferred(dest, dataset.revision, len(dataset.episodes), dataset.total_frames, first, added)
