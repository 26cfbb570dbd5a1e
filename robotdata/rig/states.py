"""Define the states of a rig in one place: their labels, the allowed commands, and the allowed transitions.

The database's choices, the pages, their scripts (as JSON in the record page) and the API use these;
`tests/rig/test_states.py` compares docs/rig-protocol.md with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """A state of a rig.

    `label` is its name for people, `tone` the suffix of its CSS class, `waiting` the text of the main button in a
    state where that has no command.
    """

    label: str
    tone: str
    waiting: str

    def __new__(cls, value: str, label: str, tone: str, waiting: str) -> State:
        state = str.__new__(cls, value)
        state._value_, state.label, state.tone, state.waiting = value, label, tone, waiting
        return state

    OFFLINE = "offline", "offline", "", "Rig offline"
    """Set by the server for a rig without a connection; no rig sends it."""
    CONNECTING = "connecting", "connecting", "warn", "Connecting to the robot …"
    IDLE = "idle", "ready", "good", ""
    CHECKING = "checking", "checking", "accent", ""
    """A test recording runs (`rig.preflight`): nothing of it is kept, and it is not a take."""
    COUNTDOWN = "countdown", "starting", "warn", "Starting …"
    RECORDING = "recording", "recording", "rec", ""
    SAVING = "saving", "saving", "accent", "Saving …"
    RESETTING = "resetting", "resetting", "accent", ""
    PAUSED = "paused", "paused", "warn", ""
    REPLAYING = "replaying", "replaying", "accent", ""
    """The robot plays a recording back; nothing is recorded."""
    HOLDING = "holding", "holding still", "warn", ""
    """After a replay: the robot holds its pose, and the teleoperator does not drive it."""
    ERROR = "error", "needs help", "bad", ""


REPORTED: tuple[State, ...] = tuple(state for state in State if state is not State.OFFLINE)
"""The states that a rig may send."""

_ALWAYS = (State.ERROR, State.SAVING)
"""States that may follow any state: a device may fail, or the rig may be stopped, which shows as saving."""

NEXT: dict[State, set[State]] = {
    State.CONNECTING: {State.IDLE, *_ALWAYS},
    State.IDLE: {State.CHECKING, State.COUNTDOWN, State.RECORDING, State.REPLAYING, *_ALWAYS},
    State.CHECKING: {State.IDLE, *_ALWAYS},
    State.COUNTDOWN: {State.RECORDING, State.IDLE, State.PAUSED, *_ALWAYS},
    State.RECORDING: set(REPORTED) - {State.CONNECTING, State.CHECKING, State.REPLAYING, State.HOLDING},
    State.SAVING: {State.IDLE, State.COUNTDOWN, State.RECORDING, *_ALWAYS},
    State.RESETTING: {State.RECORDING, State.COUNTDOWN, State.PAUSED, State.IDLE, *_ALWAYS},
    State.PAUSED: {State.RESETTING, State.COUNTDOWN, State.RECORDING, State.IDLE, *_ALWAYS},
    State.REPLAYING: {State.HOLDING, *_ALWAYS},
    State.HOLDING: {State.IDLE, State.REPLAYING, *_ALWAYS},
    State.ERROR: {State.CONNECTING},
}

CONTROLS: dict[State, tuple[str, ...]] = {
    State.CONNECTING: (),
    State.IDLE: ("record", "rerecord", "replay", "annotate", "preflight"),
    State.CHECKING: ("cancel", "annotate"),
    State.COUNTDOWN: ("cancel", "discard", "pause", "annotate"),
    State.RECORDING: ("stop", "discard", "rerecord", "pause", "resume", "annotate"),
    State.SAVING: ("record", "rerecord", "annotate"),
    State.RESETTING: ("finish_reset", "rerecord", "pause", "cancel", "annotate"),
    State.PAUSED: ("resume", "record", "cancel", "annotate"),
    State.REPLAYING: ("cancel", "annotate"),
    State.HOLDING: ("follow", "replay", "annotate"),
    State.ERROR: ("clear_error", "annotate"),
}
"""The commands allowed in a state; the first is that of the page's main button.

Of these `rerecord` needs a take, which may have ended, and `annotate` one that is being recorded or saved.
"""

EMERGENCY_STOP = "emergency_stop"
"""The command that is allowed in every state, and the code of the error that follows it."""

PREFLIGHT = "preflight"
"""The command that checks the rig with a test recording."""

END_SESSION = "end_session"
"""The server's own command: it has ended a session. A rig that records a take of it refuses it, in no other state."""

REPLAY_ROWS = "replay_rows"
"""The server's own command before `replay`: a part of the rows that are to be played."""

OF_THE_SERVER = (END_SESSION, REPLAY_ROWS)
"""The commands that no page offers; they are allowed in every state."""

COMMANDS = (
    *dict.fromkeys(command for state in REPORTED for command in CONTROLS[state]),
    EMERGENCY_STOP,
    *OF_THE_SERVER,
)

AWAKE = (State.CHECKING, State.COUNTDOWN, State.RECORDING, State.RESETTING)
"""States in which every camera frame is needed: something is being recorded, or begins soon."""

if NEXT.keys() != set(REPORTED) or CONTROLS.keys() != set(REPORTED):
    raise TypeError("a state of the rig lacks its line in NEXT or CONTROLS")


def allowed_now(state: State, possible: Mapping[str, object], *, pause_armed: bool) -> list[str]:
    """Return the commands that are allowed in `state`, without those that `possible` says cannot have an effect now."""
    allowed = list(CONTROLS[state])
    if state == State.RECORDING:
        allowed.remove("pause" if pause_armed else "resume")
    return [command for command in allowed if possible.get(command, True)]


def parse_state(value: Any) -> State:
    """Return the state that a rig reports; CONNECTING, which allows no command, for an unknown one."""
    return next((state for state in REPORTED if state.value == value), State.CONNECTING)


def states_for_scripts() -> dict[str, dict[str, Any]]:
    """Return `waiting` and the main button's command (or None) of each state, for the record page's scripts."""
    return {
        state.value: {"waiting": state.waiting, "command": next(iter(CONTROLS.get(state, ())), None)} for state in State
    }
