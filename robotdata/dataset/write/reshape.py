"""What edits of a dataset's time and pictures share: one revision, built beside the present state and swapped in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robotdata.dataset.errors import EditError
from robotdata.dataset.features import tidy_names, video_keys
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.base_state import check_base, refuse_cached
from robotdata.dataset.write.commit_progress import CommitProgress
from robotdata.dataset.write.compose import compose
from robotdata.dataset.write.edit import EditResult, all_with_uuids, edit_result, next_state
from robotdata.dataset.write.episode_refs import Plan
from robotdata.dataset.write.misfits import MISFITS, explain_misfit
from robotdata.dataset.write.swap import recover_dataset
from robotdata.dataset.write.transfer import How, Where
from robotdata.video.errors import VideoError

_COPIED_PER_S = 40_000_000


@dataclass(frozen=True, slots=True)
class Reshaped:
    """The next state of a dataset: `plan`, info.json without counters, and what its sidecar says of the change."""

    plan: Plan
    info: Mapping[str, Any]
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReshapePreview:
    """What an edit of time and pictures would do.

    `episodes` and `frames`: of the dataset afterwards. `size_bytes`: what the dataset takes afterwards, about.
    `encoded_frames`: how many frames are encoded; 0 if packets are only copied. `seconds`: about how long it runs.
    `notes`: sentences, such as where a cut really lies.
    """

    episodes: int
    frames: int
    size_bytes: int
    encoded_frames: int
    seconds: float
    notes: Sequence[str] = ()


def make_revision(
    root: Path,
    prepare: Callable[[DatasetFolder], Reshaped],
    where: Where,
    how: How | None = None,
    before_swap: Callable[[], None] | None = None,
) -> EditResult:
    """Build the state that `prepare` returns for the locked dataset, verify it and put it in place, as one revision.

    `before_swap` is called when the next state is complete and not yet in place. Raises EditError, CommitError and
    DatasetBusy; the dataset is then unchanged.
    """
    root, how = root.resolve(), how or How()
    refuse_cached(root)
    with dataset_lock(root, wait_s=how.wait_s):
        recover_dataset(root, where.work, where.revisions)
        base = DatasetFolder.open(root)
        check_base(base)
        if how.ids is not None:
            base = all_with_uuids(base, how.ids)
        steps = CommitProgress(video_keys(base.features), how.progress)
        with steps.named(), next_state(root, where.work, where.revisions, where.keep_revisions) as folder:
            try:
                made = prepare(base)
                compose(made.plan, folder, made.info, {**made.about, **how.made_by}, steps)
            except VideoError as error:
                raise EditError(f"{root.name} cannot be changed like this: {error}") from error
            except MISFITS as error:
                raise EditError(f"{root.name} cannot be changed: {explain_misfit(root, error)}") from error
            if before_swap is not None:
                before_swap()
        steps.step()
    return edit_result(root, {})


def info_of(base: DatasetFolder) -> dict[str, Any]:
    """Return info.json of the next state, without its counters."""
    return {**base.info, "features": tidy_names(base.info["features"])}


def size_of_dataset(base: DatasetFolder) -> int:
    """Return how many bytes the data and video files of the dataset take."""
    paths = {e.data_file for e in base.episodes} | {span.path for e in base.episodes for span in e.videos.values()}
    return sum(path.stat().st_size for path in paths if path is not None and path.is_file())


def copying_s(size_bytes: int) -> float:
    """Return about how many seconds it takes to copy and verify so many bytes on an ordinary computer."""
    return 0.5 + size_bytes / _COPIED_PER_S
