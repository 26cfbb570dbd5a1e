"""Commit a batch: its encoded episodes become one new revision, then the rows are updated, then raw frames deleted."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from recorder.catalog.datasets_on_disk import (
    KEEP_REVISIONS,
    LOCK_WAIT_S,
    close_changes,
    committed_id,
    missing_message,
    read_folder,
    refresh_rows,
)
from recorder.catalog.sidecars import review_fields_of
from recorder.catalog.take_files import remove_staging, set_aside
from recorder.jobs.encode_settings import encode_settings
from recorder.jobs.leases import Heartbeat
from recorder.models import Dataset, Episode, Operation
from recorder.models.lifecycle import end_operation, move
from recorder.models.states import EpisodeState, OperationState
from recorder.worker.encode import (
    FINAL_ERRORS,
    committed_episodes,
    complete_episodes,
    fail_episode,
    failures,
    plan_of,
    staged_path,
)
from recorder.worker.run_steps import made_by, step_recorder
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import CommitError, DatasetError
from robotdata.dataset.hashes import unlike
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.scales import without_scales
from robotdata.dataset.write.commit import CommitResult, DatasetSpec, commit_episodes
from robotdata.dataset.write.new_episode import NewEpisode
from robotdata.dataset.write.swap import is_fresh, recover_dataset
from robotdata.dataset.write.trims import shifted_marks
from robotdata.export import ExportError, ExportPlan, load_encoded
from robotdata.export.episode import new_episode
from robotdata.spool import SpoolError, Take
from robotdata.spool.language import Language

log = logging.getLogger(__name__)

_MAX_TRIES = 6  # attempts of a commit, each without the episodes that the previous one refused


class FolderMissing(DatasetError):
    """The dataset's folder is missing; only a person can restore it."""


def clear_committed(dataset: Dataset, episodes: Sequence[Episode], *, check_hashes: bool = False) -> None:
    """Delete raw frames and staging of those episodes that the dataset's folder contains completely.

    A commit has just verified what it wrote; with `check_hashes` the files are hashed again before anything is deleted.
    Staging is deleted last, because the sweep retries as long as it exists.
    """
    if not episodes:
        return
    try:
        opened = DatasetFolder.open(dataset.path)
    except DatasetError as error:
        log.warning("Takes of %s stay in the spool: %s", dataset, error)
        return
    pks = {episode.pk for episode in episodes}
    in_folder = {
        pk: info for info in opened.episodes if (pk := committed_id(dataset, info)) in pks and _is_complete(info)
    }
    files = {path for info in in_folder.values() for path in _files_of(info)} if check_hashes else set()
    damaged = unlike(opened.root, opened.sidecar, files)
    complete = {pk for pk, info in in_folder.items() if not damaged.intersection(_files_of(info))}
    for episode in episodes:
        if episode.pk not in complete:
            log.warning("%s stays in the spool: %s does not show it whole", episode, dataset.path)
            continue
        try:
            if not getattr(settings, "KEEP_RAW", False) and (aside := set_aside(episode.take_path)) is not None:
                shutil.rmtree(aside)
        except (OSError, SpoolError) as error:
            log.warning("%s stays in the spool for now: %s", episode, error)
            continue
        remove_staging(episode.pk)


def run_commit(operation: Operation, heartbeat: Heartbeat) -> list[Episode]:
    """Add the encoded episodes of a batch to its dataset as one revision; return those that are in it now.

    Episodes that cannot be read or added fail alone. Raise FolderMissing, LostLease, and the errors of the disk, the
    database and `robotdata.dataset`.
    """
    dataset = operation.dataset
    prepared: dict[Episode, NewEpisode] = {}
    features: dict[str, Any] = {}
    recorded_action = dataset.recorded_action  # if none is stated, the first episode's rig has chosen it
    for episode in complete_episodes(operation):
        heartbeat.check()
        try:
            new, manifest = _prepare(operation, episode, recorded_action)
        except (ExportError, SpoolError, DatasetError, *FINAL_ERRORS) as error:
            fail_episode(episode, str(error), operation.pk)
            continue
        except (OSError, MemoryError, DatabaseError):  # an error of this machine, not of the take: the batch is retried
            raise
        except Exception as error:  # a take's files may hold anything; one bad take must not fail the others
            log.exception("%s is left out of %s", episode, operation)
            reason = f"Its take cannot be read as an episode ({error}). Check {episode.take_path}, or reject the take."
            fail_episode(episode, reason, operation.pk)
            continue
        features = features or without_scales(manifest["features"])
        recorded_action = new.recorded_action
        prepared[episode] = new
    if not prepared:
        return _end_without_commit(operation)
    _check_folder(dataset)
    spec = DatasetSpec(
        fps=dataset.fps or next(iter(prepared)).fps, robot_type=dataset.robot_type or None, features=features
    )
    result = _commit_prepared(operation, spec, prepared, heartbeat)
    if result is None:
        return _end_without_commit(operation)
    return _write_rows(operation, list(prepared), result, {new.uuid: new for new in prepared.values()})


def _commit_prepared(
    operation: Operation, spec: DatasetSpec, prepared: dict[Episode, NewEpisode], heartbeat: Heartbeat
) -> CommitResult | None:
    """Commit `prepared`. Episodes that cannot be added fail alone and are removed from it; return None if none is left.

    Each attempt leaves out at least one episode. After the last attempt its error is that of the whole batch.
    """
    dataset = operation.dataset
    for tries_left in reversed(range(_MAX_TRIES)):
        try:
            return commit_episodes(
                dataset.path,
                spec,
                list(prepared.values()),
                work=dataset.work_path,
                revisions=dataset.revisions_path,
                keep_revisions=KEEP_REVISIONS,
                progress=step_recorder(operation, heartbeat),
                lock_wait_s=LOCK_WAIT_S,
                made_by=made_by(operation),
            )
        except CommitError as error:
            reasons = {
                episode: error.reasons[new.uuid] for episode, new in prepared.items() if new.uuid in error.reasons
            }
            if not reasons or not tries_left:
                raise
            heartbeat.check()
            for episode, reason in reasons.items():
                log.warning("%s is left out of %s: %s", episode, operation, reason)
                fail_episode(episode, f"{reason}. Trim or reject the take, or try again.", operation.pk)
                remove_staging(episode.pk)  # the encoded file may be at fault: the next attempt encodes it again
                del prepared[episode]
        if not prepared:
            return None
    return None


def _check_folder(dataset: Dataset) -> None:
    """Raise FolderMissing if the dataset's folder was moved away: a new one there would keep it from being restored."""
    if is_fresh(dataset.path) and missing_message(dataset):
        with dataset_lock(dataset.path, wait_s=LOCK_WAIT_S):
            recover_dataset(dataset.path, dataset.work_path, dataset.revisions_path)
        if is_fresh(dataset.path):
            raise FolderMissing(f"{missing_message(dataset)} Then try again.")


def _end_without_commit(operation: Operation) -> list[Episode]:
    """End a batch without episodes to commit: all failed, or recovery has found them in the folder already."""
    committed = committed_episodes(operation)
    state = OperationState.DONE if committed else OperationState.FAILED
    return committed if end_operation(operation, state, failures(operation)) else []


def _prepare(operation: Operation, episode: Episode, recorded_action: str) -> tuple[NewEpisode, dict[str, Any]]:
    """Return the episode to commit, with this action, and the take's manifest. Reads rows, no frames."""
    encoding = encode_settings(operation.arguments["encoding"])
    with Take.open(episode.take_path) as take:
        plan = plan_of(episode, take)
        encoded = {}
        for camera in take.cameras:
            path = staged_path(take, plan, camera, encoding)
            video = load_encoded(path)
            if video is None:
                raise ExportError(f"the encoded video of {camera} is no longer in {path}: try again")
            encoded[camera] = video
        extra = sidecar_of(episode, plan)
        new = new_episode(
            take,
            plan,
            episode.task,
            encoded,
            str(episode.pk),
            extra,
            recorded_action=recorded_action,
            language=Language.parse(episode.language, take.ticks),
        )
        return new, take.manifest


def sidecar_of(episode: Episode, plan: ExportPlan) -> dict[str, Any]:
    """Return what people and the rig recorded about the episode, for the sidecar; the row can be rebuilt from it."""
    return {
        **review_fields_of(episode),
        "operator": episode.operator,
        "rig": episode.rig.name if episode.rig else "",
        "session": str(episode.session_id or ""),
        "recorded_at": episode.recorded_at.isoformat(),
        "rate_hz": episode.rate_hz,
        "marks": shifted_marks(episode.marks, (plan.first_tick, plan.end_tick)),
    }


def _write_rows(
    operation: Operation, episodes: list[Episode], result: CommitResult, prepared: dict[str, NewEpisode]
) -> list[Episode]:
    """Update the rows from the new revision; return the episodes, or none if another worker took over and updates them.

    The dataset's counts and the end of the batch become visible together, so whoever reads `done` finds the episodes.
    """
    now = timezone.now()
    opened = read_folder(operation.dataset)  # before the transaction: it may wait for the folder's lock
    with transaction.atomic():
        # The dataset's row first, in the same order as every refresh, so that two transactions cannot deadlock.
        Dataset.objects.select_for_update(no_key=True).get(pk=operation.dataset_id)
        sizes = _sizes(episodes, prepared.values())
        if not end_operation(operation, OperationState.DONE, failures(operation), result={**operation.result, **sizes}):
            return []
        for episode in episodes:
            new = prepared[str(episode.pk)]
            move(
                episode,
                EpisodeState.ENCODED,
                episode_index=result.indices[new.uuid],
                ticks=new.length,
                task=result.tasks[new.uuid],
                committed_task=result.tasks[new.uuid],
                trim_first=None,
                trim_end=None,
                language=None,
                frames_at=now if episode.trim else episode.frames_at,
                marks=new.extra["marks"],
                error="",
                size_bytes=video_bytes(new),
            )
        close_changes([episode.pk for episode in episodes])
        if opened is not None:
            refresh_rows(operation.dataset, opened)
    return episodes


def video_bytes(new: NewEpisode) -> int:
    """Return the bytes of the episode's encoded videos."""
    return sum(path.stat().st_size for path in new.videos.values())


def _sizes(episodes: Sequence[Episode], prepared: Iterable[NewEpisode]) -> dict[str, int]:
    """Return what the batch made of what: its episodes, the bytes of their raw takes, and of their videos."""
    raw_bytes = sum(episode.size_bytes for episode in episodes)
    return {"episodes": len(episodes), "raw_bytes": raw_bytes, "video_bytes": sum(map(video_bytes, prepared))}


def _files_of(info: EpisodeInfo) -> list[Path]:
    return [*([info.data_file] if info.data_file else []), *(span.path for span in info.videos.values())]


def _is_complete(info: EpisodeInfo) -> bool:
    """Return whether each camera has as many frames as there are rows, and no file is unreadable."""
    return not info.problems and all(span.frames == info.length for span in info.videos.values())
