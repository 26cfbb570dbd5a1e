"""What must be right before a take begins; each refusal says what, where and what to do."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from robotdata.capture import clock
from robotdata.dataset.features import differences
from robotdata.rig.disk import REFUSE_TAKES
from robotdata.rig.problems import Problem, sentences
from robotdata.rig.protocol import REFUSE_MINUTES, CommandRefused
from robotdata.rig.recorder import TakeRecorder
from robotdata.rig.rig import Rig

MAX_SAVING = 4


def take_id(wanted: str | None, spool: Path) -> None:
    """A take's name is a UUID that no folder has."""
    if wanted is None:
        return
    try:
        good = str(uuid.UUID(wanted)) == wanted
    except ValueError:
        good = False
    if not good:
        raise CommandRefused("bad_args", f"take: want a UUID, got {wanted!r}")
    if (spool / wanted).exists():
        raise CommandRefused("bad_args", f"take {wanted} is on this rig's disk already; use a new id for the next take")


def features(expect: Mapping[str, Any] | None, mine: Mapping[str, Any], fps: float) -> None:
    """The rig fits the dataset that it shall record into."""
    if expect is None:
        return
    try:
        found = differences(mine, expect["features"], fps, float(expect["fps"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CommandRefused("bad_args", f"expect: want fps and features of a dataset ({error!r:.80})") from error
    if found:
        table = [{"what": each.what, "rig": each.rig, "dataset": each.dataset} for each in found]
        said = "; ".join(f"{each.what}: rig {each.rig}, dataset {each.dataset}" for each in found[:4])
        raise CommandRefused(
            "mismatch",
            f"this rig doesn't match the dataset: {said}. Record into another dataset, or edit the rig file",
            differences=table,
        )


def obstacles(rig: Rig, saving: int, missing: Sequence[Problem]) -> list[Problem]:
    """Why no take can begin now, the gravest first: room on the disk, missing cameras, writers that are behind."""
    found, now = [], clock.wall()
    minutes = rig.disk.minutes_left
    if minutes < REFUSE_MINUTES:
        reason = f"{rig.spool} has room for {minutes:.1f} minutes of recording, want at least {REFUSE_MINUTES:g}"
        remedy = "Empty the trash or free some space"
        found.append(Problem("disk_full", "disk", reason, remedy, now, text=f"{reason}. {remedy}"))
    takes = rig.disk.takes_left
    if takes is not None and takes < REFUSE_TAKES:
        reason = f"{rig.spool} has room for too few files (inodes), enough for {takes} takes, want {REFUSE_TAKES}"
        remedy = "Empty the trash or delete files from that disk"
        found.append(Problem("disk_full", "disk", reason, remedy, now, text=f"{reason}. {remedy}"))
    found += missing
    if saving >= MAX_SAVING:
        reason, remedy = f"{saving} takes are still being saved: the disk is slow", "Wait a moment"
        found.append(Problem("busy", "disk", reason, remedy, now, text=f"{reason}. {remedy}"))
    return found


def may_begin(rig: Rig, saving: int, missing: Sequence[Problem]) -> None:
    """Raises CommandRefused with the first obstacle, and with every one of the same kind."""
    found = obstacles(rig, saving, missing)
    if found:
        texts = [problem.text for problem in found if problem.code == found[0].code]
        raise CommandRefused(found[0].code, sentences(*texts))


def started(take: TakeRecorder, rig: str) -> None:
    """Start its thread; refused where the machine gives none."""
    try:
        take.start()
    except RuntimeError as error:
        raise CommandRefused(
            "no_threads",
            f"rig {rig} cannot start a take: the rig cannot start more threads ({error}). End other programs "
            "or raise the limit (`ulimit -u`, the container's limit of processes), then record again",
        ) from error
