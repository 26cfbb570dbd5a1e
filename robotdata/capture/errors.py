"""CaptureError         base class of capture's errors
├─ ConfigError       invalid rig file; the message names the key and the expected value
├─ UnknownDevice     unknown kind of robot, camera or teleoperator
└─ DeviceError       a device is not available, was lost, or returned invalid data
"""

from __future__ import annotations


class CaptureError(Exception):
    """Base class of capture's errors; the message says what failed, where, and what to do."""


class ConfigError(CaptureError):
    """The rig file is invalid at `where`, for the reason `problem`."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where, self.problem = where, problem


class UnknownDevice(CaptureError):
    """No device of this `kind` is installed; `known` are the kinds for that role."""

    def __init__(self, role: str, kind: str, known: list[str]) -> None:
        super().__init__(
            f"unknown {role} kind {kind!r}; known: {', '.join(sorted(known))}. "
            "Correct `kind`, or install the package that provides it"
        )


class DeviceError(CaptureError):
    """A device is not available, was lost, or returned invalid data. Drivers raise it with a message for people."""
