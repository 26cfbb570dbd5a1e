"""What browsers send to the devices of a rig: a device finds it in `context.shared` and knows no rig and no socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_NAME = "inputs"


class InputError(ValueError):
    """A message from a browser that a device cannot use; the text says what and where."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A browser: `id` is that of its connection, `name` that of the person."""

    id: str
    name: str


Receive = Callable[[Sender, Mapping[str, Any]], dict[str, Any]]
"""Takes a message and returns the answer at once. Raises InputError. It keeps the newest message, never a queue."""


class Inputs:
    """The devices of one rig that take messages from browsers, by name: `teleoperator`, or the key of a camera."""

    def __init__(self) -> None:
        self._receivers: dict[str, Receive] = {}
        self._described: dict[str, Mapping[str, Any]] = {}
        self._cameras: list[str] = []

    @classmethod
    def of(cls, shared: dict[str, Any]) -> Inputs:
        """Return the inputs of the rig whose devices share this dict (`DeviceContext.shared`)."""
        inputs: Inputs = shared.setdefault(_NAME, cls())
        return inputs

    def serve(self, device: str, described: Mapping[str, Any] | None, receive: Receive) -> None:
        """Pass messages for `device` to `receive`; pages get `described` (plain values) with the rig's hello.

        A camera needs no description (None): the rig says its size and rate anyhow.
        """
        self.hear(device, receive)
        if described is None:
            self._cameras.append(device)
        else:
            self._described[device] = described

    def hear(self, device: str, receive: Receive) -> None:
        """Pass messages for `device` to `receive`; no page is told of it."""
        self._receivers[device] = receive

    def describe(self) -> dict[str, Any]:
        """Return the description of each device that takes messages, and as `cameras` the keys of such cameras."""
        return {**self._described, **({"cameras": list(self._cameras)} if self._cameras else {})}

    def offer(self, device: str, sender: Sender, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the device's answer to a message. Raises InputError if it is invalid or no device has this name."""
        receive = self._receivers.get(device)
        if receive is None:
            raise InputError(f"this rig has no {device!r:.60} that a browser controls; see `kind` in the rig file")
        return receive(sender, body)
