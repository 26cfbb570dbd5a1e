"""The life of a rig, as data: which command is allowed in which state, and what follows what."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    CONNECTING = "connecting"
    IDLE = "idle"
    COUNTDOWN = "countdown"
    RECORDING = "recording"
    SAVING = "saving"
    RESETTING = "resetting"
    PAUSED = "paused"
    ERROR = "error"


_ALWAYS = (State.ERROR, State.SAVING)
"""A device may fail in any state, and in any state the rig may be told to end, which is shown as saving."""

NEXT: dict[State, set[State]] = {
    State.CONNECTING: {State.IDLE, *_ALWAYS},
    State.IDLE: {State.COUNTDOWN, State.RECORDING, *_ALWAYS},
    State.COUNTDOWN: {State.RECORDING, State.IDLE, State.PAUSED, *_ALWAYS},
    State.RECORDING: set(State) - {State.CONNECTING},
    State.SAVING: {State.IDLE, State.COUNTDOWN, State.RECORDING, *_ALWAYS},
    State.RESETTING: {State.RECORDING, State.COUNTDOWN, State.PAUSED, State.IDLE, *_ALWAYS},
    State.PAUSED: {State.RESETTING, State.COUNTDOWN, State.RECORDING, State.IDLE, *_ALWAYS},
    State.ERROR: {State.CONNECTING},
}

CONTROLS: dict[State, tuple[str, ...]] = {
    State.CONNECTING: (),
    State.IDLE: ("record",),
    State.COUNTDOWN: ("cancel", "discard", "pause"),
    State.RECORDING: ("stop", "discard", "rerecord", "pause", "resume"),
    State.SAVING: ("record",),
    State.RESETTING: ("finish_reset", "rerecord", "pause", "cancel"),
    State.PAUSED: ("resume", "record", "cancel"),
    State.ERROR: ("clear_error",),
}

if NEXT.keys() != set(State) or CONTROLS.keys() != set(State):
    raise TypeError("a state of the rig lacks its line in NEXT or CONTROLS")
