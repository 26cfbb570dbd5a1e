"""What people say of a take while it is being recorded or saved: how it went, and a note."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from robotdata.rig.protocol import CommandRefused
from robotdata.spool.annotation import OUTCOMES, with_outcome
from robotdata.spool.facts import LONGEST


@dataclass(frozen=True, slots=True)
class Remark:
    """The checked arguments of `annotate`; `fields` holds `outcome` (of OUTCOMES, or None), `note`, or both."""

    take: str
    fields: Mapping[str, Any] = field(default_factory=dict)


class Remarks:
    """The remarks on one take, which its take.json gets when the take ends. Any thread may call."""

    def __init__(self) -> None:
        self.outcome: str | None = None
        self.note = ""
        self._lock = threading.Lock()
        self._closed = False

    def add(self, fields: Mapping[str, Any]) -> bool:
        """Replace what is in `fields`; return False, without a change, if take.json is being written."""
        with self._lock:
            if not self._closed:
                self.outcome = fields.get("outcome", self.outcome)
                self.note = fields.get("note", self.note)
            return not self._closed

    def close(self) -> dict[str, Any]:
        """Return the remarks as annotations of a take, and accept no more."""
        with self._lock:
            self._closed = True
            return {"labels": with_outcome([], self.outcome), "note": self.note}


def parse_remark(args: Mapping[str, Any]) -> Remark:
    """Return the checked arguments of `annotate`. Raises CommandRefused(bad_args), naming the argument."""
    take, fields = args.get("take"), {name: args[name] for name in ("outcome", "note") if name in args}
    if not isinstance(take, str) or not take:
        raise CommandRefused("bad_args", "take: want the id of the take")
    if fields.get("outcome") not in (None, *OUTCOMES):
        raise CommandRefused("bad_args", f"outcome: want {' or '.join(OUTCOMES)}, or null")
    note = fields.get("note", "")
    if not isinstance(note, str) or len(note) > LONGEST["note"]:
        raise CommandRefused("bad_args", f"note: want text of at most {LONGEST['note']} characters")
    return Remark(take, fields)
