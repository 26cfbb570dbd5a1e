"""A dataset's revisions as a timeline: each with what it changed against the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recorder.jobs.revisions import Revision


@dataclass(frozen=True, slots=True)
class Step:
    """One revision; `episodes` and `frames` are how many more or fewer it has, None if that is not known."""

    revision: Revision
    episodes: int | None
    frames: int | None


def steps_of(revisions: Sequence[Revision]) -> list[Step]:
    """Return the steps of revisions that are sorted newest first."""
    steps = []
    for position, revision in enumerate(revisions):
        before = revisions[position + 1] if position + 1 < len(revisions) else None
        # Revisions between two that are kept may be gone; the difference would then tell of several changes.
        if before is None or before.number != revision.number - 1:
            is_first = revision.number == 1
            steps.append(Step(revision, revision.episodes if is_first else None, revision.frames if is_first else None))
            continue
        steps.append(
            Step(
                revision,
                _difference(revision.episodes, before.episodes),
                _difference(revision.frames, before.frames),
            )
        )
    return steps


def _difference(now: int | None, before: int | None) -> int | None:
    return None if now is None or before is None else now - before
