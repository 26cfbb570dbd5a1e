"""Cut frames out of the middle of a take: it becomes two takes of the same files, each with a trim."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from recorder.actor import WORKER, Actor
from recorder.catalog.takes import index_take
from recorder.errors import Refused
from recorder.jobs.encoding import apply_policy
from recorder.models import Change, Episode
from recorder.models.permissions import Action, require
from recorder.models.states import Verdict
from recorder.review.change import check_editable
from recorder.review.change_many import change_all, undo_many
from robotdata.numbers import frame_range
from robotdata.quality.stored import METRICS_FILE
from robotdata.spool.copies import copy_take
from robotdata.spool.errors import SpoolError, TakeBusy


@dataclass(frozen=True, slots=True)
class CutTake:
    """The take that has the frames after the cut, and the group that undoes the cut."""

    episode: Episode
    group: uuid.UUID


def cut_take(
    *, episode: Episode, first: int, end: int, actor: Actor, version: datetime | None = None, own: bool = False
) -> CutTake:
    """Cut frames [first, end), in ticks of the take, out of it: a trim keeps those before, a second take those after.

    No frame is deleted or copied: both takes have all of them, as links to the same files, so each trim can be moved
    later. The second take has the same task, labels, verdict and language. Undo restores the trim and moves the second
    take to the trash.

    Raise Refused if the frames are not inside of what the take keeps, if it cannot be changed now, or if somebody
    changed it after `version`; then nothing is changed.
    """
    require(actor, Action.EDIT, episode)
    require(actor, Action.JUDGE, episode)  # the second take gets a verdict
    _check(episode, first, end)
    _, kept_end = episode.kept_ticks
    group, verdict = uuid.uuid4(), episode.verdict
    fields = {"trim_first": episode.trim_first, "trim_end": first}
    versions = {} if version is None else {episode.pk: version}
    try:
        change_all(
            episodes=[episode], fields_for=lambda _: fields, actor=actor, group=group, versions=versions, own=own
        )
        second = _second_part(episode, end, kept_end, actor)
        change_all(episodes=[second], fields_for=lambda _: {"verdict": verdict}, actor=actor, group=group)
    except Refused as refused:
        changes = list(Change.objects.filter(group=group).select_related("episode__dataset"))
        if [change.episode_id for change in changes] == [episode.pk]:
            raise _taken_back(changes, actor, refused) from refused
        raise  # nothing was changed; or all of it, and a power cut may undo that
    if verdict == Verdict.KEEP:
        apply_policy(dataset=episode.dataset)
    return CutTake(second, group)


def _second_part(episode: Episode, first: int, end: int, actor: Actor) -> Episode:
    """Make the take that keeps ticks [first, end). Rejected, so that what a crash leaves behind is in the trash."""
    try:
        folder = copy_take(
            episode.take_path,
            by=actor.name,
            changes={"trim": [first, end], "verdict": Verdict.REJECT},
            started_at=(episode.recorded_at + timedelta(seconds=first / episode.fps)).isoformat(),
            leave_out={METRICS_FILE},
        )
    except TakeBusy as error:
        raise Refused("busy", f"{episode} is being written just now", 503) from error
    except (SpoolError, OSError) as error:
        raise Refused("not_written", f"{episode} cannot be cut: {error}", 503) from error
    second = index_take(take_id=folder.name, actor=WORKER)
    if second is None:
        raise Refused("unreadable", f"The second part of {episode} cannot be read from {folder}", 503)
    return second


def _taken_back(changes: list[Change], actor: Actor, refused: Refused) -> Refused:
    """Undo the trim; return the refusal that says why, and what is so now."""
    outcome = undo_many(changes=changes, actor=actor)
    now = "Its trim was changed, though: clear it" if outcome.refused else "Nothing was changed"
    message = f"{refused.message.removesuffix('.')}. {now}; check the disk, then try again."
    return Refused(refused.code, message, refused.status)


def _check(episode: Episode, first: int, end: int) -> None:
    if episode.is_committed:
        problem = f"{episode} is in its dataset already: cut it there, which makes a revision."
        raise Refused("committed", problem, 409)
    check_editable(episode)
    if not episode.take_path.is_dir():
        raise Refused("no_folder", f"The files of {episode} are not on this computer: cut it once they are.")
    kept_first, kept_end = episode.kept_ticks
    if not kept_first < first < end < kept_end:
        problem = f"{episode} keeps {frame_range(kept_first, kept_end)}, and at least one has to stay before and after "
        raise Refused("invalid", problem + "the cut. To cut off an end, trim it.", 422)
