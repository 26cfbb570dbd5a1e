"""What must be right before a take begins; each refusal says what, where and what to do."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robotdata.capture import clock
from robotdata.dataset.features import differences
from robotdata.rig.disk import REFUSE_MINUTES
from robotdata.rig.protocol import Refusal
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
        raise Refusal("bad_args", f"take: want a UUID, got {wanted!r}")
    if (spool / wanted).exists():
        raise Refusal("bad_args", f"take {wanted} is on this rig's disk already; give the next one a new id")


def features(expect: Mapping[str, Any] | None, mine: Mapping[str, Any], fps: float) -> None:
    """The rig fits the dataset that it shall record into."""
    if expect is None:
        return
    try:
        found = differences(mine, expect["features"], fps, float(expect["fps"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refusal("bad_args", f"expect: want fps and features of a dataset ({error!r:.80})") from error
    if found:
        table = [{"what": each.what, "rig": each.rig, "dataset": each.dataset} for each in found]
        said = "; ".join(f"{each.what}: rig {each.rig}, dataset {each.dataset}" for each in found[:4])
        raise Refusal(
            "mismatch",
            f"this rig does not fit the dataset: {said}. Record into another dataset, or change the rig's file",
            differences=table,
        )


def may_begin(rig: Rig, saving: int) -> None:
    """Room on the disk, every camera alive, the writers not too far behind."""
    minutes = rig.disk.minutes_left
    if minutes < REFUSE_MINUTES:
        raise Refusal(
            "disk_full",
            f"{rig.spool} has room for {minutes:.1f} minutes of recording, want at least {REFUSE_MINUTES:g}: "
            "empty the trash or free some space",
        )
    now = clock.monotonic_ns()
    lost = [camera for camera in rig.cameras if camera.newest is None or camera.health.state(now) == "lost"]
    if lost:
        names = ", ".join(camera.config.name for camera in lost)
        why = next((camera.health.failed for camera in lost if camera.health.failed), "no frames come")
        raise Refusal("camera_missing", f"camera {names} is missing: {why}. Plug it in; it is tried again by itself")
    if saving >= MAX_SAVING:
        raise Refusal("busy", f"{saving} takes are still being saved: the disk is slow. Wait a moment")


def started(take: TakeRecorder, rig: str) -> None:
    """Start its thread; refused where the machine gives none."""
    try:
        take.start()
    except RuntimeError as error:
        raise Refusal(
            "no_threads",
            f"rig {rig} cannot begin a take: this machine lets it start no more threads ({error}). End other programs "
            "or raise the limit (`ulimit -u`, the container's limit of processes), then record again",
        ) from error
