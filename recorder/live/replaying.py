"""Play a take or an episode back to a rig's robot: which rigs it fits, and how its rows get there."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.live.rig_commands import send_command
from recorder.live.rigs import find_rig_to_command
from recorder.models import Episode, Rig
from recorder.models.permissions import Action, require
from recorder.models.states import EpisodeState, RigState
from robotdata.capture.actions import ACTION
from robotdata.capture.playback import DEFAULT_FACTOR, CannotPlay, OtherJoints, Recording, check_rows
from robotdata.capture.values import flat_names
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.reader import DatasetFolder
from robotdata.rig.recordings import recording_of_episode, recording_of_take
from robotdata.rig.replay_args import parts_of
from robotdata.rig.replaying import joints_apart
from robotdata.rig.states import REPLAY_ROWS, parse_state
from robotdata.spool import SpoolError

_READY = (RigState.IDLE, RigState.HOLDING)
_ANSWER_S = 10.0
"""A rig reads a take of its own before it answers."""


@dataclass(frozen=True, slots=True)
class RigChoice:
    """A rig that a dialog offers; `misfit` says why it cannot play the episode, or is None."""

    rig: Rig
    misfit: Refused | None


def choices_for(episode: Episode) -> list[RigChoice]:
    """Return the listed rigs, those that can play the episode first."""
    chosen = [RigChoice(rig, misfit_of(rig, episode)) for rig in Rig.objects.listed()]
    return sorted(chosen, key=lambda each: (each.misfit is not None, each.rig.pk != episode.rig_id, each.rig.name))


def playable_problem(episode: Episode) -> str:
    """Return why no rig can play the episode, as a sentence; empty if a rig may."""
    if episode.purged_at is not None:
        return "This take was deleted: there is nothing to play."
    if episode.state == EpisodeState.RECORDING:
        return "This take is still being recorded: stop it first."
    return ""


def misfit_of(rig: Rig, episode: Episode) -> Refused | None:
    """Return why the rig cannot play the episode now: `robot_type`, `mismatch`, `offline` or `busy`; None if it can."""
    robot = _robot_of(episode)
    if robot and rig.robot_type and robot != rig.robot_type:
        return Refused("robot_type", f"Recorded with another robot: {robot}. {rig.name} has a {rig.robot_type}.")
    joints, recorded = _joints(rig.features), _joints(episode.dataset.features)
    if not joints and rig.features:
        return Refused("mismatch", f"The robot of {rig.name} does not name its joints, so nothing can be played to it.")
    if recorded and joints and sorted(joints) != sorted(recorded):
        return _other_joints(rig, OtherJoints(recorded, joints))
    if not rig.is_online:
        return Refused("offline", f"{rig.name} is offline: start the rig, then try again.")
    if rig.state not in _READY:
        return Refused("busy", f"{rig.name} is {parse_state(rig.state).label}: wait until it is ready.")
    return None


def start_replay(
    *,
    rig_name: str,
    episode: Episode,
    actor: Actor,
    speed: float = DEFAULT_FACTOR,
    first: int | None = None,
    last: int | None = None,
    unwatched: bool = False,
    command_id: str | None = None,
) -> dict[str, Any]:
    """Play the rows `first` to `last` (inclusive, counted from 0) to the rig's robot; return the rig's reply.

    By default the rows are those that the trim keeps. The robot moves only while a page shows it, unless the replay is
    `unwatched`. Raise Refused as `misfit_of` and `send_command` do; `bad_rows` (422) for rows that do not
    exist, `bad_values` for values that no robot should get, `gone` if the files are missing.
    """
    rig = find_rig_to_command(name=rig_name)
    require(actor, Action.RECORD, rig, episode.dataset)
    if problem := playable_problem(episode):
        raise Refused("not_allowed", problem)
    if misfit := misfit_of(rig, episode):
        raise misfit
    kept_first, kept_end = episode.kept_ticks
    first, last = kept_first if first is None else first, kept_end - 1 if last is None else last
    recording = read_recording(rig, episode, first, last)
    facts = {"speed": speed, "episode": str(episode.pk), "task": episode.task[:1000], "unwatched": unwatched}
    if not episode.is_committed and episode.rig_id == rig.pk:
        with contextlib.suppress(_NotThere):
            args = {**facts, "take": str(episode.pk), "from": first, "to": last}
            return _play(rig, args, actor, command_id)
    rows = str(uuid.uuid4())
    for part in parts_of(recording, rows):
        async_to_sync(send_command)(rig.name, REPLAY_ROWS, part, timeout=_ANSWER_S, actor=actor, rig=rig)
    return _play(rig, {**facts, "rows": rows}, actor, command_id)


class _NotThere(Exception):
    """The rig does not have the take: its rows are sent."""


def _play(rig: Rig, args: dict[str, Any], actor: Actor, command_id: str | None) -> dict[str, Any]:
    # Another id for the rows than for the take: a rig answers an id that it knows as it did the first time.
    command_id = command_id and str(uuid.uuid5(uuid.UUID(command_id), "take" if "take" in args else "rows"))
    try:
        return async_to_sync(send_command)(
            rig.name, "replay", args, timeout=_ANSWER_S, command_id=command_id, actor=actor, rig=rig
        )
    except Refused as refusal:
        if refusal.code == "no_take" and "take" in args:
            raise _NotThere from refusal
        raise


def read_recording(rig: Rig, episode: Episode, first: int, last: int) -> Recording:
    """Return the recorded actions. Raise Refused as `start_replay` does."""
    if not 0 <= first <= last:
        raise Refused(
            "bad_rows", f"There are no rows {first} to {last}: the first one must not be after the last.", 422
        )
    try:
        if episode.is_committed and episode.episode_index is not None:
            dataset = DatasetFolder.open(episode.dataset.path)
            recording = recording_of_episode(dataset, episode.episode_index, first, last)
        else:
            recording = recording_of_take(episode.take_path, first, last)
        check_rows(recording)
    except OtherJoints as error:
        raise _other_joints(rig, error) from error
    except CannotPlay as error:
        raise Refused("bad_values", f"{episode} cannot be played: {error}.") from error
    except (SpoolError, DatasetError, OSError, KeyError) as error:
        raise Refused("gone", f"The rows of {episode} cannot be read: {error}.") from error
    joints = _joints(rig.features)
    if joints and sorted(joints) != sorted(recording.names):
        raise _other_joints(rig, OtherJoints(recording.names, joints))
    return recording


def _other_joints(rig: Rig, error: OtherJoints) -> Refused:
    message = f"Other joints than those of {rig.name}: {error}."
    return Refused("mismatch", message, detail={"differences": joints_apart(error)})


def _robot_of(episode: Episode) -> str:
    return episode.dataset.robot_type or (episode.rig.robot_type if episode.rig is not None else "")


def _joints(features: Any) -> list[str]:
    action = features.get(ACTION) if isinstance(features, dict) else None
    return flat_names(action.get("names")) if isinstance(action, dict) else []
