"""Changes to committed episodes: delete, rename tasks, go back. Nothing is re-encoded, nothing done in place.

Every edit builds the next state beside the old one and swaps it in; the old state becomes a revision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from robotdata.dataset import files
from robotdata.dataset.draft import MISFITS, Draft, misfit_words
from robotdata.dataset.errors import DatasetError, EditError, NoSuchEpisode
from robotdata.dataset.features import tidy_names
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import Dataset
from robotdata.dataset.rewrite import Rewrite
from robotdata.dataset.sidecar import Sidecar, read_sidecar
from robotdata.dataset.swap import NEXT, list_revisions, recover_dataset, swap_in, work_folder
from robotdata.video.errors import VideoError

LOCK_WAIT_S = 60.0
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class EditResult:
    """The dataset after the edit."""

    revision: int
    episodes: int
    frames: int


def delete_episodes(
    root: Path,
    indices: Iterable[int],
    *,
    work: Path,
    revisions: Path,
    keep_revisions: int = 10,
    progress: Progress | None = None,
) -> EditResult:
    """Delete episodes; those behind them move up. Kept frames stay bit for bit what they were.

    Raises NoSuchEpisode at a number that is not there, EditError at one that comes twice, where none would be left,
    or where frames cannot be cut out without encoding. The dataset is then untouched.
    """
    wanted = list(indices)
    with _editing(root, work, revisions, keep_revisions) as (base, folder):
        gone = _checked(base, wanted)
        if len(gone) == len(base.episodes):
            raise EditError(f"{base.root}: no episode would be left; remove the dataset instead")
        kept = [episode for episode in base.episodes if episode.index not in gone]
        _rewrite(base, folder, Rewrite(base, kept, {}), progress)
    return _result(root)


def set_tasks(
    root: Path,
    tasks: Mapping[int, str],
    *,
    work: Path,
    revisions: Path,
    keep_revisions: int = 10,
    progress: Progress | None = None,
) -> EditResult:
    """Give whole episodes another task text; texts that no episode has any more are dropped.

    Raises NoSuchEpisode, and EditError at an empty text. The dataset is then untouched.
    """
    with _editing(root, work, revisions, keep_revisions) as (base, folder):
        _checked(base, list(tasks))
        for index, text in tasks.items():
            if not text.strip():
                raise EditError(f"{base.root}, episode {index}: the task is empty; say in words what the robot does")
        _rewrite(base, folder, Rewrite(base, base.episodes, tasks), progress)
    return _result(root)


def revert(root: Path, revision: int, *, work: Path, revisions: Path, keep_revisions: int = 10) -> EditResult:
    """Make the state `revision` the present one again, as a new revision: what is present now can be gone back to.

    Raises EditError, naming those there are, where it is not kept.
    """
    with _editing(root, work, revisions, keep_revisions) as (base, folder):
        source = revisions / str(revision)
        if not source.is_dir():
            there = ", ".join(map(str, list_revisions(revisions))) or "none"
            raise EditError(f"{base.root} has no revision {revision} to go back to; kept are: {there}")
        files.link_tree(source, folder)
        files.unlink_from_others(folder / "meta")
        old = read_sidecar(source, [])
        sidecar = Sidecar(base.revision + 1, old.episodes, {**old.more, "reverted_to": revision})
        path = folder / SIDECAR
        path.unlink(missing_ok=True)
        files.write_text(path, sidecar.to_json())
        Dataset.open(folder)
    return _result(root)


@contextmanager
def _editing(root: Path, work: Path, revisions: Path, keep: int) -> Iterator[tuple[Dataset, Path]]:
    """The dataset, locked and recovered, and the folder for its next state, swapped in when the block ends well."""
    root = root.resolve()
    with dataset_lock(root, wait_s=LOCK_WAIT_S):
        recover_dataset(root, work, revisions)
        base = Dataset.open(root)
        with work_folder(root, work) as folder:
            yield base, folder / NEXT
            swap_in(root, folder, revisions, keep_revisions=keep)


def _checked(base: Dataset, indices: list[int]) -> set[int]:
    for index in indices:
        if type(index) is not int or not 0 <= index < len(base.episodes):
            raise NoSuchEpisode(base.root, index, len(base.episodes))
    if len(set(indices)) < len(indices):
        raise EditError(f"{base.root}: an episode is named twice; name each once")
    if not indices:
        raise EditError(f"{base.root}: no episode is named; there is nothing to change")
    numbers = [episode.index for episode in base.episodes]
    problems = [*base.problems, *(text for episode in base.episodes for text in episode.problems)]
    if problems or numbers != list(range(len(numbers))):
        why = problems[0] if problems else f"its episodes are not numbered 0 to {len(numbers) - 1}"
        raise EditError(f"{base.root} cannot be edited: {why}. Repair it first")
    return set(indices)


def _rewrite(base: Dataset, folder: Path, rewrite: Rewrite, progress: Progress | None) -> None:
    try:
        features = {key: tidy_names(feature) for key, feature in base.info["features"].items()}
        draft = Draft(folder, base, {**base.info, "features": features})
        rewrite.write(draft, progress)
    except VideoError as error:
        raise EditError(f"{base.root} cannot be edited without encoding: {error}") from error
    except MISFITS as error:
        raise EditError(f"{base.root} cannot be edited: {misfit_words(error)}") from error


def _result(root: Path) -> EditResult:
    try:
        dataset = Dataset.open(root)
    except DatasetError as error:
        raise EditError(f"{root} was changed by somebody else meanwhile: {error}") from error
    return EditResult(dataset.revision, len(dataset.episodes), dataset.total_frames)
