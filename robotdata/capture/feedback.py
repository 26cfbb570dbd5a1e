"""Give teleoperators what the robot observed: a leader with force feedback, or one that follows the robot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from robotdata.capture.session import DeviceFailed, NamedDevice, Session


class Feedback:
    """Gives each observation to those `devices` that have a method `feedback`; see `capture.devices.FeedbackAware`.

    A device that fails at it gets none until `begin`, because recording matters more; `failed` has name -> reason.
    """

    def __init__(self, devices: Sequence[NamedDevice]) -> None:
        self._devices = list(devices)
        self.failed: dict[str, str] = {}

    def begin(self) -> None:
        """Give feedback to every device again: they are connected again."""
        self.failed = {}

    def give(self, session: Session, observation: Any) -> None:
        """Give the observation to each device. Raises SessionClosed."""
        for device in self._devices:
            if hasattr(device.driver, "feedback") and device.name not in self.failed:
                try:
                    session.call(device, "feedback", observation)
                except DeviceFailed as error:
                    self.failed = {**self.failed, device.name: error.failure.reason}
