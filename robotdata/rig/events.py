"""Act on the events of devices: a foot pedal, a leader's button, a simulator that knows when a task is done."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from robotdata.rig.protocol import CommandRefused, as_command
from robotdata.rig.states import State
from robotdata.spool.annotation import OUTCOMES, with_outcome

if TYPE_CHECKING:
    from robotdata.rig.machine import Machine

log = logging.getLogger(__name__)
COMMAND_EVENTS = ("stop", "rerecord", "discard")
_STOPPED_BY_CANCEL = (State.COUNTDOWN, State.CHECKING)
"""States in which `stop` means: do not begin, or end what is not a take."""
_MOST_UNKNOWN = 20
_FIRST = ": press Record on the page for the first take"


class DeviceEvents:
    """Turns the events of a machine's devices into its commands, and into labels of its takes.

    `record_args` are those of the last `record`, for the event `start`; None if no take may begin by itself. `unknown`
    are the events that mean nothing here: a text for each, said once.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.record_args: Mapping[str, Any] | None = None
        self.unknown: dict[tuple[str, str], str] = {}

    def act(self) -> bool:
        """Act on the events since the last call; return whether there were any."""
        events = self._machine.rig.loop.events.take()
        for device, event in events:
            state = self._machine.state
            if event in COMMAND_EVENTS and state == State.REPLAYING or event == "stop" and state in _STOPPED_BY_CANCEL:
                self._command("cancel")
            elif event == "rerecord" and self._machine.take is None and self.record_args is None:
                self._machine.message = f"A device asks to record again{_FIRST}"
            elif event in COMMAND_EVENTS:
                self._command(event)
            elif event == "start":
                self._start()
            elif event in OUTCOMES:
                self._label(event)
            else:
                self._note(device, event)
        return bool(events)

    def _start(self) -> None:
        machine = self._machine
        if machine.state == State.RESETTING:
            self._command("finish_reset")
        elif machine.state == State.PAUSED:
            self._command("resume")
        elif machine.state in (State.IDLE, State.SAVING):
            if self.record_args is None:
                machine.message = f"A device asks to record{_FIRST}"
            else:
                self._command("record", **{**self.record_args, "take": None})

    def _label(self, label: str) -> None:
        """Label the take that is being recorded, or else the last one; one outcome replaces the other."""
        machine = self._machine
        take = machine.take or machine.last
        if take is not None and not take.remarks.add({"outcome": label}):
            take.annotate_later(machine.rig.config.name, partial(_relabeled, label), machine.annotated)

    def _command(self, name: str, **args: Any) -> None:
        try:
            self._machine.execute(as_command(name, **args))
        except CommandRefused as refusal:
            if self._machine.problem is None:  # else the message says what is wrong, which matters more
                self._machine.message = refusal.message

    def _note(self, device: str, event: str) -> None:
        key = (device, event[:60])
        if key not in self.unknown and len(self.unknown) < _MOST_UNKNOWN:
            self.unknown[key] = (
                f"{device[0].upper()}{device[1:]} sends the event {event[:60]!r}, which means nothing here"
            )
            log.warning("%s", self.unknown[key])


def _relabeled(label: str, curation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the change that gives a take this outcome instead of another; its other labels stay."""
    return {"labels": with_outcome(curation.get("labels") or [], label)}
