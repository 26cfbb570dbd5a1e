"""The annotations of an episode: one list of fields for `take.json`, a dataset's sidecar, and database rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from robotdata.spool.facts import VERDICTS

RERECORD = "rerecord"
"""The history's name for a rig that rejects a take because it is recorded again."""

OUTCOMES = ("success", "failure")
"""The labels that say how a take went; a take has at most one of them."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What people decided about an episode; the defaults are those of an episode that nobody has reviewed.

    `task`, `trim` (ticks [first, end) to keep, or None) and `language` (what `Language.as_json` returns, in ticks)
    change what is encoded; the other fields do not.
    """

    verdict: str = "unreviewed"
    labels: list[str] = field(default_factory=list)
    rating: int | None = None
    note: str = ""
    task: str = ""
    trim: tuple[int, int] | None = None
    language: dict[str, Any] | None = None

    @classmethod
    def from_take(cls, facts: Mapping[str, Any]) -> Annotation:
        """Return the annotation in the result of `check_manifest` or `check_summary`."""
        curation = facts.get("curation") or {}
        fields = {name: curation[name] for name in REVIEW_FIELDS if curation.get(name) is not None}
        verdict = fields.pop("verdict", facts.get("verdict"))  # a rig's summary has the verdict at the top level
        if verdict in VERDICTS:
            fields["verdict"] = verdict
        trim = curation.get("trim")
        return cls(
            **fields,
            task=facts.get("task") or "",
            trim=tuple(trim) if trim else None,
            language=curation.get("language"),
        )

    def to_take(self) -> dict[str, Any]:
        """Return the fields of `curation` in take.json, which holds the task outside it."""
        trim = None if self.trim is None else list(self.trim)
        return {**self.review_fields(), "trim": trim, "language": self.language}

    def review_fields(self) -> dict[str, Any]:
        """Return the fields that take effect at once, even on a committed episode."""
        return {name: getattr(self, name) for name in REVIEW_FIELDS}


_ENCODED = {"task", "trim", "language"}
REVIEW_FIELDS = tuple(field.name for field in dataclasses.fields(Annotation) if field.name not in _ENCODED)
"""The fields that need no encoding; take.json, sidecars and database rows use the same names."""


def with_outcome(labels: Sequence[str], outcome: str | None) -> list[str]:
    """Return the labels with this one of OUTCOMES, or with none of them, instead of another."""
    return [*(label for label in labels if label not in OUTCOMES), *([outcome] if outcome else [])]
