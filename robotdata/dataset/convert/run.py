"""Convert a dataset v1.x, v2.0 or v2.1: examine it, build the dataset v3.0 beside its place, check it, move it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robotdata.dataset.convert.examine import OldDataset, OldEpisode, examine, without
from robotdata.dataset.convert.old_cameras import image_stats, usable_stats, video_stats
from robotdata.dataset.convert.old_rows import OldRows
from robotdata.dataset.convert.rest import copy_rest
from robotdata.dataset.errors import CommitError, ConversionError, DatasetError
from robotdata.dataset.features import camera_keys, video_keys
from robotdata.dataset.tasks import TaskPlan
from robotdata.dataset.write.commit_progress import CommitProgress
from robotdata.dataset.write.compose import compose
from robotdata.dataset.write.draft import NOTES, new_info
from robotdata.dataset.write.episode_refs import New, Plan
from robotdata.dataset.write.misfits import MISFITS
from robotdata.dataset.write.new_dataset import new_dataset
from robotdata.dataset.write.new_episode import NewEpisode
from robotdata.dataset.write.splits import mapped_splits
from robotdata.dataset.write.swap import NEXT, work_folder
from robotdata.video.errors import VideoError
from robotdata.video.facts import get_video_info
from robotdata.video.rates import exact_rate, plain_rate

LOCK_WAIT_S = 60.0
_ROWS = "rows"
_LISTED = 5
Progress = Callable[[int, int], None]
"""Called with (steps done, all steps). It may raise to cancel; nothing is left then."""


@dataclass(frozen=True, slots=True)
class ConvertResult:
    """The new dataset. `notes`: what differs from the old one, as sentences."""

    episodes: int
    frames: int
    notes: list[str]


def convert_dataset(
    source: Path,
    target: Path,
    *,
    work: Path,
    leave_out: bool = False,
    progress: Progress | None = None,
    before_swap: Callable[[], None] | None = None,
    lock_wait_s: float = LOCK_WAIT_S,
    made_by: Mapping[str, Any] | None = None,
) -> ConvertResult:
    """Make the dataset v3.0 `target` of the dataset v1.x, v2.0 or v2.1 in `source`, which is only read.

    `target` must not exist, or be empty; `work` must be on its file system. With `leave_out`, episodes that cannot be
    converted are left out, and named in the notes. `before_swap` is called when all is written, before the dataset
    appears; it may raise to cancel. Raises ConversionError with the reason of each such episode, or for another
    version, DatasetBusy, and other DatasetErrors; `target` does not exist then.
    """
    source, target = source.resolve(), target.resolve()
    with new_dataset(target, work, wait_s=lock_wait_s, refusal=ConversionError) as put_in_place:
        steps = _Steps(progress)
        with work_folder(target, work) as folder:
            old = examine(source, steps.examined, staging=folder / _ROWS)
            if old.problems and not leave_out:
                raise ConversionError(refusal(old), old.problems)
            old = without(old, sorted(old.problems))
            stats = _camera_stats(old, steps, leave_out=leave_out)
            plan = _plan(old, stats)
            about = {"what": "converted", "from": source.name, "version": old.meta.version, **(made_by or {})}
            about[NOTES] = old.notes
            commit = CommitProgress(video_keys(old.features), steps.written)
            with commit.named():
                _compose(plan, folder / NEXT, old, about, commit)
                copy_rest(old.meta.root, old.files.rest, folder / NEXT)
                if before_swap is not None:
                    before_swap()
                put_in_place(folder)
        commit.step()
    return ConvertResult(len(old.episodes), old.frames, old.notes)


def refusal(old: OldDataset) -> str:
    """Return which episodes cannot be converted, and why."""
    listed = "; ".join(f"episode {number}: {why}" for number, why in list(old.problems.items())[:_LISTED])
    more = f" (and {len(old.problems) - _LISTED} more)" if len(old.problems) > _LISTED else ""
    count = len(old.problems)
    return (
        f"{count} of {count + len(old.episodes)} episodes of {old.meta.root.name} cannot be converted: {listed}{more}. "
        "Restore what is missing, or convert the others without them"
    )


class _Steps:
    """Counts examining, statistics and writing as one row of steps."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._episodes = 0

    def examined(self, done: int, total: int) -> None:
        """Report that `done` of `total` episodes were read."""
        self._episodes = total
        self._report(done, 1)

    def counted(self, done: int) -> None:
        """Report that the statistics of `done` episodes are complete."""
        self._report(self._episodes + done, 1)

    def written(self, done: int, total: int) -> None:
        """Report that `done` of `total` steps of writing were done."""
        self._report(2 * self._episodes + done, total)

    def _report(self, done: int, writing: int) -> None:
        if self._progress is not None:
            self._progress(done, 2 * self._episodes + max(writing, 5))


def _camera_stats(old: OldDataset, steps: _Steps, *, leave_out: bool) -> list[dict[str, Any]]:
    """Return the statistics of each episode's cameras.

    An episode whose frames cannot be decoded raises ConversionError or, with `leave_out`, is removed from `old`.
    """
    result = []
    kept = []
    recounted: dict[str, int] = {}
    for done, episode in enumerate(old.episodes, 1):
        try:
            result.append(_stats_of(old, episode, recounted))
            kept.append(episode)
        except ConversionError as error:
            if not leave_out or len(old.episodes) == 1:
                raise
            old.notes.insert(0, f"episode {episode.number} was left out: {error.problems[episode.number]}")
        steps.counted(done)
    old.episodes = kept
    if not kept:
        raise ConversionError(f"{old.meta.root}: the pictures of no episode can be decoded; restore its videos")
    for key, count in recounted.items():
        old.notes.append(f"the statistics of {key} in {count} episodes were missing or wrong: counted from its frames")
    return result


def _stats_of(old: OldDataset, episode: OldEpisode, recounted: dict[str, int]) -> dict[str, Any]:
    """Return the statistics of an episode's cameras; count in `recounted` those that were counted from frames."""
    found = {}
    for key in camera_keys(old.features):
        channels, stored = old.features[key]["shape"][2], old.meta.camera_stats.get(episode.number, {}).get(key)
        if (stat := usable_stats(stored, channels, episode.length)) is None:
            stat = _counted(old, episode, key, channels)
            recounted[key] = recounted.get(key, 0) + 1
        found[key] = stat
    return found


def _counted(old: OldDataset, episode: OldEpisode, key: str, channels: int) -> dict[str, Any]:
    try:
        if key in episode.videos:
            return video_stats(episode.videos[key], channels, episode.length)
        return image_stats(OldRows(episode.data, old.features), key, channels, episode.length)
    except (VideoError, DatasetError) as error:
        reason = str(error)
        message = f"{old.meta.root}, episode {episode.number}: {reason}. Restore it, or convert without it"
        raise ConversionError(message, {episode.number: reason}) from error


def _plan(old: OldDataset, stats: list[dict[str, Any]]) -> Plan:
    """Return the new state: every episode is new, with its old rows, videos and tasks."""
    parts: list[New] = []
    first_row = 0
    for episode, found in zip(old.episodes, stats, strict=True):
        rows = OldRows(episode.data, old.features)
        texts = list(dict.fromkeys(old.tasks[number] for number in episode.tasks.tolist()))
        # Nobody says which of a tick's two actions the dataset has.
        source = NewEpisode(str(uuid.uuid4()), texts, rows, episode.length, episode.videos, found, recorded_action="")
        part = New(
            index=len(parts),
            first_row=first_row,
            length=episode.length,
            tasks=episode.tasks,
            texts=texts,
            source=source,
        )
        parts.append(part)
        first_row += episode.length
    tasks = TaskPlan(old.tasks, {})
    total = max(old.episodes[-1].number + 1, len(parts))
    splits, notes = mapped_splits(old.meta.info.get("splits"), total, [each.number for each in old.episodes], 0)
    old.notes += notes
    fps = plain_rate(exact_rate(old.meta.fps))
    return Plan(None, old.features, fps, [], parts, [], tasks, {}, edited=False, imported=True, splits=splits)


def _compose(plan: Plan, folder: Path, old: OldDataset, about: Mapping[str, Any], commit: CommitProgress) -> None:
    """Write the new state and read it back. Raises ConversionError."""
    features = {key: dict(feature) for key, feature in plan.features.items()}
    robot_type = old.meta.info.get("robot_type")
    try:
        for key in video_keys(features):
            features[key]["info"] = get_video_info(old.episodes[0].videos[key])
        info = new_info(
            features,
            fps=plan.fps,
            robot_type=robot_type if isinstance(robot_type, str) else None,
            data_mb=100,
            video_mb=200,
        )
        compose(plan, folder, info, about, commit)
    except (CommitError, VideoError, *MISFITS) as error:
        if isinstance(error, DatasetError) and not isinstance(error, CommitError):
            raise
        raise ConversionError(f"{old.meta.root} cannot be converted: {error}") from error
