"""CaptureError         whatever capture cannot do
├─ ConfigError       the rig's TOML file; the message names the key and what was expected
├─ UnknownDevice     no such kind of robot, camera or teleoperator
└─ DeviceError       a device that is not there, or no longer, or gives nonsense
"""

from __future__ import annotations


class CaptureError(Exception):
    """Whatever capture cannot do; the message says what, where and what to do next."""


class ConfigError(CaptureError):
    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")


class UnknownDevice(CaptureError):
    def __init__(self, role: str, kind: str, known: list[str]) -> None:
        super().__init__(
            f"unknown {role} kind {kind!r}; known: {', '.join(sorted(known))}. "
            "Correct `kind`, or install the package that provides it"
        )


class DeviceError(CaptureError):
    pass
