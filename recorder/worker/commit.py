"""Commit: what a batch has encoded becomes the dataset's next state, all at once; then rows say so; then raw goes."""

from __future__ import annotations

import logging
import shutil
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, Q
from django.utils import timezone

from recorder.catalog.datasets_on_disk import (
    KEEP_REVISIONS,
    LOCK_WAIT_S,
    close_changes,
    committed_id,
    missing_words,
    read_folder,
    refresh_rows,
)
from recorder.catalog.sidecars import judgement_of
from recorder.catalog.take_files import remove_staging, set_aside
from recorder.jobs.encode_settings import encode_settings
from recorder.jobs.leases import Heartbeat, LostLease, lease_end
from recorder.models import Batch, Dataset, Episode
from recorder.models.job import lease_expired
from recorder.models.lifecycle import move
from recorder.models.states import BatchKind, BatchState, EpisodeState
from recorder.worker.apply import made_by, make_state
from recorder.worker.encode import (
    FINAL,
    SPACE_AGAIN,
    committed_episodes,
    complete_episodes,
    fail_episode,
    failures,
    is_no_space,
    plan_of,
    staged_path,
)
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import CommitError, DatasetBusy, DatasetError, EditError, FeaturesDiffer, NotADataset
from robotdata.dataset.hashes import unlike
from robotdata.dataset.lock import dataset_lock
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.commit import CommitResult, DatasetSpec, commit_episodes
from robotdata.dataset.write.commit_progress import step_of
from robotdata.dataset.write.new_episode import NewEpisode
from robotdata.dataset.write.swap import is_fresh, recover_dataset
from robotdata.dataset.write.trims import shifted_marks
from robotdata.export import ExportError, ExportPlan, load_encoded
from robotdata.export.episode import new_episode
from robotdata.spool import SpoolError, Take

log = logging.getLogger(__name__)

_BUSY_AGAIN = timedelta(seconds=5)
_TRIES = 6  # of a commit, each without the episodes that the one before was refused for


class FolderMissing(DatasetError):
    """The dataset's folder is missing; only a person can restore it."""


_HOPELESS = (*FINAL, FeaturesDiffer, NotADataset, EditError, FolderMissing)


def commit_batch(batch_id: uuid.UUID | str) -> bool:
    """Commit what of the batch is whole, unless it is done, taken or gone: False then. Its row says how it ended.

    Done again after a crash at any place, it ends with the same episodes, each once.
    """
    batch = claim_batch(batch_id)
    if batch is None:
        return False
    try:
        with Heartbeat(_renewal(batch)) as heart:
            done = _commit(batch, heart) if batch.kind == BatchKind.ENCODE else make_state(batch, heart)
    except LostLease:
        log.info("%s was given to another worker", batch)
    except Exception as error:  # noqa: BLE001 - the outermost loop of a commit: what happened must reach its row
        if not Batch.objects.filter(pk=batch.pk, token=batch.token).exists():  # the other one clears away what we read
            log.info("%s was given to another worker; here it had failed: %s", batch, error)
            return True
        _judge(batch, error)
    else:
        clear_committed(batch.dataset, done)
    return True


def commit_waiting() -> int:
    """Commit what is encoded and in nobody's hands, oldest first, before more is encoded; how many.

    The bell of a commit is behind those of every job that was there before it, in whatever queue. What waits for a lock
    or for space (it says so in `error`) waits on.
    """
    free = Batch.objects.filter(state=BatchState.COMMITTING, token="").order_by("updated_at")
    due = free.filter(Q(error="") | Q(lease_until=None) | lease_expired(timezone.now()))
    return sum(commit_batch(pk) for pk in list(due.values_list("pk", flat=True)))


def claim_batch(batch_id: uuid.UUID | str) -> Batch | None:
    """Claim the batch for this caller to commit; None if it cannot be claimed."""
    token, now = uuid.uuid4().hex, timezone.now()
    free = Batch.objects.filter(Q(token="") | lease_expired(now), pk=batch_id, state=BatchState.COMMITTING)
    if not free.update(token=token, lease_until=lease_end(), attempt=F("attempt") + 1, updated_at=now):
        return None
    return Batch.objects.select_related("dataset").get(pk=batch_id)


def clear_committed(dataset: Dataset, episodes: Sequence[Episode], *, later: bool = False) -> None:
    """Delete raw frames and staging of these, once the dataset's folder itself shows them whole.

    A commit has just read back what it wrote; `later` the files are hashed again before anything goes.
    Staging goes last: while it is there, the sweep comes back to it.
    """
    if not episodes:
        return
    try:
        opened = DatasetFolder.open(dataset.path)
    except DatasetError as error:
        log.warning("Takes of %s stay in the spool: %s", dataset, error)
        return
    asked = {episode.pk for episode in episodes}
    shown = {pk: info for info in opened.episodes if (pk := committed_id(dataset, info)) in asked and _is_whole(info)}
    files = {path for info in shown.values() for path in _files_of(info)} if later else set()
    bad = unlike(opened.root, opened.sidecar, files)
    whole = {pk for pk, info in shown.items() if not bad.intersection(_files_of(info))}
    for episode in episodes:
        if episode.pk not in whole:
            log.warning("%s stays in the spool: %s does not show it whole", episode, dataset.path)
            continue
        try:
            if not getattr(settings, "KEEP_RAW", False) and (aside := set_aside(episode.take_path)) is not None:
                shutil.rmtree(aside)
        except (OSError, SpoolError) as error:
            log.warning("%s stays in the spool for now: %s", episode, error)
            continue
        remove_staging(episode.pk)


def _commit(batch: Batch, heart: Heartbeat) -> list[Episode]:
    dataset = batch.dataset
    whole: dict[Episode, NewEpisode] = {}
    features: dict[str, Any] = {}
    for episode in complete_episodes(batch):
        heart.check()
        try:
            made, took = _prepare(batch, episode)
        except (ExportError, SpoolError, DatasetError, *FINAL) as error:
            fail_episode(episode, str(error), batch.pk)
            continue
        except (OSError, MemoryError, DatabaseError):  # of this machine, not of the take: the batch is tried again
            raise
        except Exception as error:  # a take's files may hold anything, and none takes the others along
            log.exception("%s is left out of %s", episode, batch)
            words = f"Its take cannot be read as an episode ({error}). Check {episode.take_path}, or reject the take."
            fail_episode(episode, words, batch.pk)
            continue
        features = features or took["features"]
        whole[episode] = made
    if not whole:
        return _end_without_commit(batch)
    _check_folder(dataset)
    spec = DatasetSpec(
        fps=dataset.fps or next(iter(whole)).fps, robot_type=dataset.robot_type or None, features=features
    )
    result = _add(batch, spec, whole, heart)
    if result is None:
        return _end_without_commit(batch)
    return _write_rows(batch, list(whole), result, {made.uuid: made for made in whole.values()})


def _add(batch: Batch, spec: DatasetSpec, whole: dict[Episode, NewEpisode], heart: Heartbeat) -> CommitResult | None:
    """Commit `whole`. Episodes that alone are to blame fail by themselves and leave it; None where none is left.

    Each try leaves out at least one, and there are a few: after these the error is that of the whole batch.
    """
    dataset = batch.dataset
    for left in reversed(range(_TRIES)):
        try:
            return commit_episodes(
                dataset.path,
                spec,
                list(whole.values()),
                work=dataset.work_path,
                revisions=dataset.revisions_path,
                keep_revisions=KEEP_REVISIONS,
                progress=_fence(batch, heart),
                lock_wait_s=LOCK_WAIT_S,
                made_by=made_by(batch),
            )
        except CommitError as error:
            bad = {episode: error.reasons[new.uuid] for episode, new in whole.items() if new.uuid in error.reasons}
            if not bad or not left:
                raise
            heart.check()
            for episode, reason in bad.items():
                log.warning("%s is left out of %s: %s", episode, batch, reason)
                fail_episode(episode, f"{reason}. Trim or reject the take, or try again.", batch.pk)
                remove_staging(episode.pk)  # the encoded file may be at fault: the next attempt encodes it again
                del whole[episode]
        if not whole:
            return None
    return None


def _check_folder(dataset: Dataset) -> None:
    """Raises FolderMissing: a new dataset in the place of one that was moved away would keep that from coming back."""
    if is_fresh(dataset.path) and missing_words(dataset):
        with dataset_lock(dataset.path, wait_s=LOCK_WAIT_S):
            recover_dataset(dataset.path, dataset.work_path, dataset.revisions_path)
        if is_fresh(dataset.path):
            raise FolderMissing(f"{missing_words(dataset)} Then try again.")


def _end_without_commit(batch: Batch) -> list[Episode]:
    """Nothing is left to commit: all failed, or recovery has found them in the folder already."""
    there = committed_episodes(batch)
    state = BatchState.DONE if there else BatchState.FAILED
    mine = {"token": batch.token}
    ended = move(batch, state, only=mine, error=failures(batch), finished_at=timezone.now(), lease_until=None)
    return there if ended else []


def _prepare(batch: Batch, episode: Episode) -> tuple[NewEpisode, dict[str, Any]]:
    """The episode as the dataset room takes it, and the take's manifest. Reads rows, no frames."""
    chosen = encode_settings(batch.encoding)
    with Take.open(episode.take_path) as take:
        plan = plan_of(episode, take)
        encoded = {}
        for camera in take.cameras:
            path = staged_path(take, plan, camera, chosen)
            found = load_encoded(path)
            if found is None:
                raise ExportError(f"the encoded video of {camera} is no longer in {path}: try again")
            encoded[camera] = found
        made = new_episode(take, plan, episode.task, encoded, str(episode.pk), sidecar_of(episode, plan))
        return made, take.manifest


def sidecar_of(episode: Episode, plan: ExportPlan) -> dict[str, Any]:
    """What people and the rig said of it, for the dataset's sidecar: the row can be made again from it."""
    return {
        **judgement_of(episode),
        "operator": episode.operator,
        "rig": episode.rig.name if episode.rig else "",
        "session": str(episode.session_id or ""),
        "recorded_at": episode.recorded_at.isoformat(),
        "rate_hz": episode.rate_hz,
        "marks": shifted_marks(episode.marks, (plan.first_tick, plan.end_tick)),
    }


def _write_rows(
    batch: Batch, episodes: list[Episode], result: CommitResult, made: dict[str, NewEpisode]
) -> list[Episode]:
    """Update the rows, now that the folder has the episodes; nothing if another worker took over, which does the same.

    The dataset's counts become visible together with the batch's end: who reads `done` finds the episodes.
    """
    now = timezone.now()
    opened = read_folder(batch.dataset)  # before the transaction: it may wait for the folder's lock
    with transaction.atomic():
        # The dataset first, as everybody who refreshes it: no two may wait for each other.
        Dataset.objects.select_for_update(no_key=True).get(pk=batch.dataset_id)
        words = failures(batch)
        if not move(
            batch, BatchState.DONE, only={"token": batch.token}, error=words, finished_at=now, lease_until=None
        ):
            return []
        for episode in episodes:
            new = made[str(episode.pk)]
            move(
                episode,
                EpisodeState.ENCODED,
                episode_index=result.indices[new.uuid],
                ticks=new.length,
                task=result.tasks[new.uuid],
                committed_task=result.tasks[new.uuid],
                trim_first=None,
                trim_end=None,
                marks=new.extra["marks"],
                error="",
                size_bytes=sum(path.stat().st_size for path in new.videos.values()),
            )
        close_changes([episode.pk for episode in episodes])
        if opened is not None:
            refresh_rows(batch.dataset, opened)
    return episodes


def _renewal(batch: Batch) -> Callable[[int], bool]:
    mine = Batch.objects.filter(pk=batch.pk, token=batch.token, state=BatchState.COMMITTING)
    return lambda _: bool(mine.update(lease_until=lease_end()))


def _fence(batch: Batch, heart: Heartbeat) -> Callable[[int, int], None]:
    """Check before each step, while the folder is locked, whether a stalled commit was cancelled meanwhile."""
    mine = Batch.objects.filter(pk=batch.pk, token=batch.token, state=BatchState.COMMITTING)

    def progress(done: int, _: int) -> None:
        heart.progress(done)
        if not mine.exists():
            raise LostLease

    return progress


def _judge(batch: Batch, error: Exception) -> None:
    """Wait for the lock or for space, try again, or give it up: its episodes fail, and can be tried again."""
    if isinstance(error, DatasetBusy):
        _later(batch, f"Waits: {error}.", _BUSY_AGAIN, counted=False)
    elif is_no_space(error):
        words = f"No space for the dataset in {batch.dataset.path}: free some space; the batch continues by itself."
        _later(batch, words, SPACE_AGAIN, counted=False)
    elif batch.attempt < settings.JOB_ATTEMPTS and not isinstance(error, _HOPELESS):
        log.warning("%s failed, trying again: %s", batch, error, exc_info=True)
        words = f"{str(error) or type(error).__name__}{_where(error)}"
        _later(batch, f"Trying again soon: {words}", _BUSY_AGAIN * batch.attempt, counted=True)
    else:
        log.error("%s failed: %s", batch, error, exc_info=not isinstance(error, _HOPELESS))
        _give_up(batch, _said(batch, error))


def _said(batch: Batch, error: Exception) -> str:
    """For a person; an error of the disk says nothing of its own of what to do next."""
    words = str(error) or type(error).__name__
    if not isinstance(error, OSError):
        return words
    asked = "Check the disk, then try again: parts that are written already are reused."
    return f"{batch.dataset.path} could not be updated{_where(error)}: {words}. {asked}"


def _where(error: Exception) -> str:
    step = step_of(error)
    return f" (while {step})" if step else ""


def _later(batch: Batch, words: str, pause: timedelta, *, counted: bool) -> None:
    now = timezone.now()
    mine = Batch.objects.filter(pk=batch.pk, token=batch.token, state=BatchState.COMMITTING)
    attempt = batch.attempt if counted else batch.attempt - 1
    mine.update(token="", lease_until=now + pause, attempt=attempt, error=words, updated_at=now)


def _give_up(batch: Batch, words: str) -> None:
    with transaction.atomic():
        now = timezone.now()
        if not move(
            batch, BatchState.FAILED, only={"token": batch.token}, error=words, finished_at=now, lease_until=None
        ):
            return
        for episode in complete_episodes(batch):
            move(episode, EpisodeState.FAILED, error=words)


def _files_of(info: EpisodeInfo) -> list[Path]:
    return [*([info.data_file] if info.data_file else []), *(span.path for span in info.videos.values())]


def _is_whole(info: EpisodeInfo) -> bool:
    """As many frames of each camera as rows, and nothing that cannot be read."""
    return not info.problems and all(span.frames == info.length for span in info.videos.values())
