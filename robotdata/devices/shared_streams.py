"""The streams of one camera that share its connection: colour and depth, each a table of the rig file."""

from __future__ import annotations

from robotdata.capture.errors import ConfigError, DeviceError


class SharedStreams:
    """Counts who uses a camera. A stream that fails takes the others with it: they share its cable.

    The camera connects again once all have let go. Its owner's lock guards `use` and `release`.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.is_broken = False
        self._users: set[str] = set()

    def add(self, stream: str, where: str, *, is_depth: bool) -> None:
        """Take one more stream, before the camera is connected. Raises ConfigError if another table reads it."""
        if stream in self.names:
            kind = "depth" if is_depth else "colour"
            raise ConfigError(
                where, f"reads the {kind} of a camera that another table reads too; remove one of the two"
            )
        self.names.append(stream)

    def check(self) -> None:
        """Raise DeviceError if a stream has failed, and another still uses the camera."""
        if self.is_broken:
            raise DeviceError("its other stream has failed and has not let go of it yet")

    def use(self, stream: str) -> None:
        """Note that this stream uses the camera."""
        self._users.add(stream)

    def release(self, stream: str) -> bool:
        """Note that this stream does not use the camera any more; return whether it was the last one."""
        if stream not in self._users:
            return False
        self._users.remove(stream)
        self.is_broken = bool(self._users)
        return not self._users
