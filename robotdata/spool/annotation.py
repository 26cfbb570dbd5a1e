"""What people say of an episode: the one list of fields for a take's `take.json`, a dataset's sidecar and rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from robotdata.spool.facts import VERDICTS


@dataclass(frozen=True, slots=True)
class Annotation:
    """`task` and `trim` (None or ticks [first, end) that are kept) change what is encoded, the others do not.

    The default of a field is its value where nobody has said anything.
    """

    verdict: str = "unreviewed"
    labels: list[str] = field(default_factory=list)
    rating: int | None = None
    note: str = ""
    task: str = ""
    trim: tuple[int, int] | None = None

    @classmethod
    def from_take(cls, facts: Mapping[str, Any]) -> Annotation:
        """Read what `check_manifest` or `check_summary` gave."""
        said = facts.get("curation") or {}
        known = {name: said[name] for name in JUDGED if said.get(name) is not None}
        verdict = known.pop("verdict", facts.get("verdict"))  # a rig names it beside, in few words about a take
        if verdict in VERDICTS:
            known["verdict"] = verdict
        trim = said.get("trim")
        return cls(**known, task=facts.get("task") or "", trim=tuple(trim) if trim else None)

    def to_take(self) -> dict[str, Any]:
        """Return the fields of a take's `curation`; its task stands beside that."""
        return {**self.judged(), "trim": None if self.trim is None else list(self.trim)}

    def judged(self) -> dict[str, Any]:
        """Return what takes effect at once, also on a committed episode, by the names that are the same everywhere."""
        return {name: getattr(self, name) for name in JUDGED}


JUDGED = tuple(each.name for each in dataclasses.fields(Annotation) if each.name not in {"task", "trim"})
