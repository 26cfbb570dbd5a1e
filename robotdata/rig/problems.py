"""What keeps a rig from recording: which device, why, since when, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from robotdata.rig.protocol import ProblemInfo


@dataclass(frozen=True, slots=True)
class Problem:
    """`device` is the name people know: `robot`, `teleoperator`, `camera front`, `disk`, `rig`.

    `camera` is a camera's key, `since` unix time in seconds, `text` the whole sentence for a person.
    """

    code: str
    device: str
    reason: str
    remedy: str
    since: float
    camera: str | None = None
    text: str = ""

    def as_info(self) -> ProblemInfo:
        """As it stands in a status."""
        return {
            "code": self.code,
            "device": self.device,
            "camera": self.camera,
            "reason": self.reason,
            "remedy": self.remedy,
            "since": self.since,
            "text": self.text,
        }


def sentences(*parts: str) -> str:
    """`parts` one after the other, each but the last with the stop that it may have already."""
    *first, last = parts
    return " ".join([*(part if part.endswith((".", "?", "!")) else f"{part}." for part in first), last])
