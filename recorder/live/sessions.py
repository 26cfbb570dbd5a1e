"""Sessions: consecutive takes on one rig into one dataset."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import IntegrityError, transaction
from django.utils import timezone

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.jobs.encode_settings import encode_settings, size_problem
from recorder.jobs.encoding import apply_policy
from recorder.live.layer import LAYER_ERRORS, layer_message
from recorder.live.rig_commands import send_command
from recorder.models import Dataset, Operation, Rig, Session
from recorder.models.permissions import Action, require
from recorder.models.states import RigState
from recorder.task_text import checked_task
from recorder.text import parse_uuid
from robotdata.rig.states import END_SESSION

log = logging.getLogger(__name__)

BUSY_STATES = {RigState.COUNTDOWN, RigState.RECORDING}
# LeRobot's own columns, which no rig delivers.
DEFAULT_COLUMNS = {"timestamp", "frame_index", "episode_index", "index", "task_index"}
_OF_A_TAKE = ("task", "operator", "countdown_s", "episode_s", "reset_s")
SETTINGS = (*_OF_A_TAKE, "target")


def start_session(
    *,
    rig: Rig,
    dataset: Dataset,
    actor: Actor,
    task: str,
    operator: str = "",
    countdown_s: float = 3.0,
    episode_s: float | None = None,
    reset_s: float | None = None,
    target: int | None = None,
) -> tuple[Session, bool]:
    """Return the session that runs on the rig into this dataset, and whether it is new. Times are in seconds.

    `target` is how many kept episodes of the task are wanted; without it the dataset's goal applies.

    A running session into another dataset is ended, and the rig is told so. A running one into this dataset keeps its
    settings: `change_session` changes them once the rig has accepted them.

    Raise Refused if the rig is recording into another dataset, if the dataset's codec cannot encode the rig's frames,
    or if the dataset is in the trash by now.
    """
    require(actor, Action.RECORD, rig, dataset)
    if problem := size_problem(rig.features, encode_settings(dataset.encoding)):
        raise Refused("size", f"{problem} Choose another codec in the settings of {dataset.title}.")
    settings = dict(
        task=checked_task(task),
        operator=operator,
        countdown_s=countdown_s,
        episode_s=episode_s,
        reset_s=reset_s,
        target=target,
    )
    running = rig.sessions.running().select_related("dataset").first()
    if running is not None and running.dataset_id == dataset.pk:
        return running, False
    if running is not None:
        if rig.state in BUSY_STATES:
            raise Refused(
                "not_allowed",
                f"{rig.name} is {rig.state} into {running.dataset.title!r}: stop that take first, then switch.",
            )
        heard = end_on_rig(rig=rig, session=running, actor=actor)
        end_session(session=running, actor=actor, heard=heard)
    try:
        with transaction.atomic():
            return Session.objects.create(rig=rig, dataset=_present(dataset), **settings), True
    except IntegrityError:  # another request was first
        other = rig.sessions.running().first()
        if other is None or other.dataset_id != dataset.pk:
            raise Refused(
                "not_allowed", f"Somebody else has just started a session on {rig.name}. Reload the page."
            ) from None
        return other, False


def _present(dataset: Dataset) -> Dataset:
    """Return the row as it is now, and keep it so for this transaction. Raise Refused if it is in the trash."""
    row = Dataset.objects.select_for_update(no_key=True).filter(pk=dataset.pk).first()
    if row is None:
        raise Refused("trashed", f"{dataset.title} has been deleted meanwhile: restore it from the trash first.")
    return row


def change_session(*, session: Session, actor: Actor, **settings: Any) -> None:
    """Set task, operator, timers and target for later takes. Raise TypeError for an unknown setting."""
    require(actor, Action.RECORD, session)
    if unknown := settings.keys() - set(SETTINGS):
        raise TypeError(f"a session has no {', '.join(sorted(unknown))}")
    if "task" in settings:
        settings["task"] = checked_task(settings["task"])
    for name, value in settings.items():
        setattr(session, name, value)
    session.updated_at = timezone.now()
    session.save(update_fields=[*settings, "updated_at"])


def drop_session(*, session: Session, actor: Actor) -> None:
    """Delete a session without takes, because the rig refused its first one."""
    require(actor, Action.RECORD, session)
    if not session.episodes.exists():
        session.delete()


def end_on_rig(*, rig: Rig, session: Session, actor: Actor, must_answer: bool = False) -> bool:
    """Let the rig begin no other take of a session that ends: a pedal would. Return False if it did not answer.

    Raise Refused (`not_allowed`) while the rig records a take of it, or (`late`) if the command was long on its way;
    with `must_answer` also as `send_command` does. A rig that does not know the command is left as it is.
    """
    require(actor, Action.RECORD, session)
    try:
        args = {"session": str(session.pk)}
        async_to_sync(send_command)(rig.name, END_SESSION, args, actor=actor, rig=rig)
    except Refused as refusal:
        if refusal.code in ("not_allowed", "late", "forbidden") or (must_answer and refusal.code != "bad_args"):
            raise
        return refusal.code in ("bad_args", "offline")  # an offline rig is told when it connects
    return True


def end_session(*, session: Session, actor: Actor, heard: bool = True) -> Operation | None:
    """End the session; return the batch that the dataset's policy started, if any.

    Without `heard`, the rig is told until it answers. A command that comes late is refused in a reset phase, and the
    reset timer would begin another take.
    """
    require(actor, Action.RECORD, session)
    now = timezone.now()
    if not Session.objects.running().filter(pk=session.pk).update(ended_at=now, updated_at=now):
        return None
    session.ended_at = now
    if not heard:
        _tell_until_heard(session)
    return apply_policy(dataset=session.dataset, session_ended=True)


def _tell_until_heard(session: Session) -> None:
    rig = Rig.objects.get(pk=session.rig_id)
    if not rig.connection:
        return  # it is told when it connects
    try:
        message = layer_message("rig.session_ended", session=str(session.pk))
        async_to_sync(get_channel_layer().send)(rig.connection, message)
    except LAYER_ERRORS as error:
        log.warning("%s is told only when it connects again that its session has ended: %s", rig.name, error)


def ended_sessions(*, named: Iterable[str]) -> list[str]:
    """Return those of the sessions with these ids, which need not be valid, that have ended."""
    keys = {key for key in map(parse_uuid, named) if key is not None}
    return [str(key) for key in Session.objects.filter(pk__in=keys).exclude(ended_at=None).values_list("pk", flat=True)]


def expected_features(*, dataset: Dataset) -> dict[str, Any] | None:
    """Return the fps and features that a rig must deliver to record into the dataset; None if any will do."""
    if dataset.fps is None or not dataset.features:
        return None
    if not dataset.has_fixed_features and not dataset.episodes.takes().exists():
        return None
    features = {key: value for key, value in dataset.features.items() if key not in DEFAULT_COLUMNS}
    return {"fps": dataset.fps, "features": features}


def record_args(session: Session, **settings: Any) -> dict[str, Any]:
    """Return the arguments of the rig's command `record`; `settings` override those of the session."""
    return {
        **{name: settings.get(name, getattr(session, name)) for name in _OF_A_TAKE},
        "session": str(session.pk),
        "dataset": session.dataset.slug,
        "expect": expected_features(dataset=session.dataset),
    }
