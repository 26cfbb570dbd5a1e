"""Run an operation of any type: claim it, renew its lease, make the revision, and handle errors."""

from __future__ import annotations

import errno
import logging
import uuid
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from recorder.jobs.lease_clock import LEASE_CLOCK
from recorder.jobs.leases import Heartbeat, LostLease, lease_end
from recorder.models import Episode, Operation
from recorder.models.job import lease_expired
from recorder.models.lifecycle import end_operation, move
from recorder.models.states import RESHAPES, TRANSFERS, EpisodeState, OperationState, OperationType
from recorder.worker.change import run_features
from recorder.worker.commit import FolderMissing, clear_committed, run_commit
from recorder.worker.convert import run_conversion
from recorder.worker.encode import FINAL_ERRORS, SPACE_RETRY_AFTER, complete_episodes, is_no_space
from recorder.worker.importing import run_import
from recorder.worker.older import run_older
from recorder.worker.push import run_push
from recorder.worker.repair import run_repair
from recorder.worker.rescue import run_rescue
from recorder.worker.reshape import run_reshape
from recorder.worker.revise import run_edit, run_revert
from recorder.worker.run_steps import owned_row
from recorder.worker.transfer import run_transfer
from recorder.worker.undo_transfer import run_undo
from robotdata.dataset.errors import ConversionError, DatasetBusy, EditError, FeaturesDiffer, NotADataset
from robotdata.dataset.exchange.errors import TransferRefused
from robotdata.dataset.write.commit_progress import step_of
from robotdata.imports.errors import ImportsError

log = logging.getLogger(__name__)

Runner = Callable[[Operation, Heartbeat], list[Episode]]
"""A function that makes the revision and ends the row. It returns the episodes whose raw frames may be deleted now."""

RUNNERS: dict[OperationType, Runner] = {
    OperationType.ENCODE: run_commit,
    OperationType.EDIT: run_edit,
    OperationType.REVERT: run_revert,
    OperationType.CONVERT: run_conversion,
    OperationType.IMPORT: run_import,
    OperationType.UNDO: run_undo,
    OperationType.REPAIR: run_repair,
    OperationType.RESCUE: run_rescue,
    OperationType.OLDER: run_older,
    OperationType.FEATURES: run_features,
    OperationType.PUSH: run_push,
    **dict.fromkeys(TRANSFERS, run_transfer),
    **dict.fromkeys(RESHAPES, run_reshape),
}

if missing := set(OperationType) - RUNNERS.keys():
    raise TypeError(f"RUNNERS lacks {missing}")

_BUSY_RETRY_AFTER = timedelta(seconds=5)
_FINAL_ERRORS = (
    *FINAL_ERRORS,
    FeaturesDiffer,
    NotADataset,
    EditError,
    ConversionError,
    FolderMissing,
    ImportsError,
    TransferRefused,
)


def run_operation(operation_id: uuid.UUID | str) -> bool:
    """Run the operation; return False if it is done, claimed by another worker or deleted. Its row records the result.

    It is idempotent: after a crash at any point, a second run ends with the same revision, made once.
    """
    operation = claim_operation(operation_id)
    if operation is None:
        return False
    try:
        with Heartbeat(_renewal(operation)) as heartbeat:
            committed = RUNNERS[OperationType(operation.type)](operation, heartbeat)
    except LostLease:
        log.info("%s was given to another worker", operation)
    except Exception as error:  # noqa: BLE001 - the outermost loop of a run: its row must record the error
        row = Operation.objects.filter(pk=operation.pk, token=operation.token)
        if not row.exists():  # the other worker may delete the files that this one reads
            log.info("%s was given to another worker; here it had failed: %s", operation, error)
            return True
        _handle_error(operation, error)
    else:
        clear_committed(operation.dataset, committed)
    return True


def run_waiting() -> int:
    """Run the operations that are ready and unclaimed, oldest first; return how many. Called before more is encoded.

    The message of an operation is queued behind those of all earlier jobs, so it would wait too long. Operations that
    wait for a lock or for space (see `error`) are left until their time has come.
    """
    unclaimed = Operation.objects.filter(state=OperationState.RUNNING, token="").order_by("updated_at")
    due = unclaimed.filter(Q(error="") | Q(lease_until=None) | lease_expired(timezone.now()))
    return sum(run_operation(pk) for pk in list(due.values_list("pk", flat=True)))


def claim_operation(operation_id: uuid.UUID | str) -> Operation | None:
    """Claim the operation for this caller to run; None if it cannot be claimed."""
    token, now = uuid.uuid4().hex, timezone.now()
    claimable = Operation.objects.filter(
        Q(token="") | lease_expired(LEASE_CLOCK.now()), pk=operation_id, state=OperationState.RUNNING
    )
    if not claimable.update(token=token, lease_until=lease_end(), attempt=F("attempt") + 1, updated_at=now):
        return None
    return Operation.objects.select_related("dataset").get(pk=operation_id)


def _renewal(operation: Operation) -> Callable[[int], bool]:
    row = owned_row(operation)
    return lambda _: bool(row.update(lease_until=lease_end()))


def _handle_error(operation: Operation, error: Exception) -> None:
    """Wait for the lock or for space, retry, or fail the operation and its episodes, which can then be retried."""
    if isinstance(error, DatasetBusy):
        reason = f"Waits: {operation.dataset.path} is being changed by {error.holder}; continues by itself after that."
        _retry_later(operation, reason, _BUSY_RETRY_AFTER, counted=False)
    elif is_no_space(error):
        reason = (
            f"No space for the dataset in {operation.dataset.path}: free some space; "
            f"the {OperationType(operation.type).label} continues by itself."
        )
        _retry_later(operation, reason, SPACE_RETRY_AFTER, counted=False)
    elif operation.attempt < settings.JOB_ATTEMPTS and not isinstance(error, _FINAL_ERRORS):
        log.warning("%s failed, trying again: %s", operation, error, exc_info=True)
        reason = f"Trying again soon: {_text_of(error)}{_step_text(error)}"
        _retry_later(operation, reason, _BUSY_RETRY_AFTER * operation.attempt, counted=True)
    else:
        log.error("%s failed: %s", operation, error, exc_info=not isinstance(error, _FINAL_ERRORS))
        _fail_operation(operation, _reason_of(operation, error))


def _reason_of(operation: Operation, error: Exception) -> str:
    """Return the reason of a failure for a person, with a next step if the error is one of the disk."""
    reason = _text_of(error)
    if not isinstance(error, OSError):
        return reason
    cause = "permissions" if error.errno in {errno.EACCES, errno.EPERM} else "disk"
    next_step = f"Check the {cause}, then try again: parts that are written already are reused."
    return f"{operation.dataset.path} could not be updated{_step_text(error)}: {reason}. {next_step}"


def _text_of(error: Exception) -> str:
    """Return the error's message, without the number of an operating-system error."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def _step_text(error: Exception) -> str:
    step = step_of(error)
    return f" (while {step})" if step else ""


def _retry_later(operation: Operation, reason: str, pause: timedelta, *, counted: bool) -> None:
    now = timezone.now()
    attempt = operation.attempt if counted else operation.attempt - 1
    owned_row(operation).update(token="", lease_until=now + pause, attempt=attempt, error=reason, updated_at=now)


def _fail_operation(operation: Operation, reason: str) -> None:
    with transaction.atomic():
        if not end_operation(operation, OperationState.FAILED, reason):
            return
        for episode in complete_episodes(operation):
            move(episode, EpisodeState.FAILED, error=reason)
