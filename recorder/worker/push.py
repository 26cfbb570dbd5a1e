"""Run pushes: send the kept state of the dataset, report how far it is, note what came out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.utils import timezone

from recorder.catalog.hub_tokens import access_of
from recorder.catalog.publishing import state_to_send
from recorder.catalog.storage_keys import storage_access
from recorder.jobs.leases import Heartbeat, LostLease
from recorder.models import Episode, Operation
from recorder.models.lifecycle import end_operation
from recorder.models.states import OperationState
from recorder.worker.run_steps import owned_row
from robotdata.dataset.exchange.contents import Contents, contents_of
from robotdata.dataset.exchange.progress import Pushed, Step, Watch
from robotdata.dataset.hub.card import card_of
from robotdata.dataset.hub.client import Hub
from robotdata.dataset.hub.push import PushRequest, push
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.storage.client import Storage
from robotdata.dataset.storage.names import is_target, parse_target
from robotdata.dataset.storage.push import push as send_to_storage

_SHOWN_STEPS = 1000


def run_push(operation: Operation, heartbeat: Heartbeat) -> list[Episode]:
    """Send the state in `arguments`. Return []: no raw frames to delete.

    Idempotent after a crash at any point: what the place has is not sent again. Raise LostLease once it is cancelled.
    """
    dataset, asked = operation.dataset, operation.arguments
    # Once it has begun to write into a bucket, it is not cancelled between two states, also when it is tried again.
    began = is_target(asked["repository"]) and bool(operation.result.get("writing"))
    written: dict[str, Any] = {"writing": True} if began else {}
    _update(operation, result=dict(written))

    def commit() -> None:
        written["writing"] = True
        _update(operation, result=dict(written))

    contents = contents_of(state_to_send(dataset, asked["version"]), dataset.slug)

    def keep_state() -> None:
        """Note that the state is in use: what nobody asks for is removed after a day."""
        if contents.root.parent == dataset.work_path.resolve():
            with contextlib.suppress(FileNotFoundError):
                os.utime(contents.root)

    watch = Watch(_reporter(operation, heartbeat, keep_state, written), commit)
    outcome = (_to_storage if is_target(asked["repository"]) else _to_hub)(operation, contents, watch)
    with transaction.atomic():
        _update(operation, result={"writing": True, "push": asdict(outcome)})
        end_operation(operation, OperationState.DONE)
    return []


def _to_storage(operation: Operation, contents: Contents, watch: Watch) -> Pushed:
    asked = operation.arguments
    storage = Storage(storage_access(asked["user"], asked["source"]))
    target = parse_target(asked["repository"])
    return send_to_storage(storage, contents, target, watch, replace=asked.get("replace", False))


def _to_hub(operation: Operation, contents: Contents, watch: Watch) -> Pushed:
    dataset, asked = operation.dataset, operation.arguments
    request = PushRequest(
        repository=asked["repository"],
        title=dataset.title,
        mark=str(operation.pk),
        private=asked["private"],
        pull_request=asked["pull_request"],
        card=asked["card"],
        first_card=card_of(
            DatasetFolder.open(contents.root),
            title=dataset.title,
            repository=asked["repository"],
            licence=asked["licence"],
        ),
    )
    return push(Hub(access_of(asked["user"], asked.get("source", ""))), contents, request, watch)


def _reporter(
    operation: Operation, heartbeat: Heartbeat, keep_state: Callable[[], None], written: Mapping[str, Any]
) -> Callable[[Step], None]:
    """Return a function that shows the step in the row, beside what is `written`.

    It raises LostLease if the row was cancelled or lost.
    """
    last: Step | None = None

    def report(step: Step) -> None:
        nonlocal last
        heartbeat.progress(step.bytes)
        if step == last:
            if not owned_row(operation).exists():
                raise LostLease
            return
        last = step
        keep_state()
        done = _SHOWN_STEPS * step.bytes // step.bytes_total if step.bytes_total else _SHOWN_STEPS
        _update(operation, result={**written, "step": asdict(step)}, steps_done=done, steps_total=_SHOWN_STEPS)

    return report


def _update(operation: Operation, **fields: Any) -> None:
    """Set fields of the row. Raise LostLease if it was cancelled or given to another worker."""
    if not owned_row(operation).update(updated_at=timezone.now(), **fields):
        raise LostLease
