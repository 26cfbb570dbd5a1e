"""Problems that keep a rig from recording: which device, why, since when, and the remedy."""

from __future__ import annotations

from dataclasses import dataclass

from robotdata.rig.protocol import ProblemInfo


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `device` is `robot`, `teleoperator`, `camera <name>`, `disk` or `rig`.

    `camera` is the key of a camera or None, `since` unix time in seconds, `text` problem and remedy as sentences.
    """

    code: str
    device: str
    reason: str
    remedy: str
    since: float
    camera: str | None = None
    text: str = ""

    def as_info(self) -> ProblemInfo:
        """Return the problem as the protocol's status messages hold it."""
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
    """Return `parts` as sentences; a part that is not the last gets a full stop unless it ends with one."""
    *first, last = parts
    return " ".join([*(part if part.endswith((".", "?", "!")) else f"{part}." for part in first), last])
