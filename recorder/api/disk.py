"""The disk: what everything takes, and free it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema

from recorder.api.auth import actor_of
from recorder.api.schemas import ERRORS, Body, text
from recorder.api.trash_schemas import FreedOut
from recorder.catalog.disk import Kind, disk_usage
from recorder.review.free_space import free_space

router = Router(tags=["disk"])


class ItemOut(Schema):
    """Something that takes `size` bytes on the disk; deleting it would free `freed` of them.

    The rest is shared with others by hard links. `can_free`: whether `POST /api/disk/free` deletes it.
    """

    kind: Kind
    name: str
    title: str
    size: int
    freed: int
    can_free: bool


class DiskOut(Schema):
    """The last measurement, empty until there is one: ask again while it is `running`.

    `total` counts files that items share once; `free` is what the disk has left. All in bytes of real blocks.
    """

    running: bool
    at: datetime | None
    seconds: float
    error: str
    total: int
    free: int
    items: list[ItemOut]


class FreeIn(Body):
    """`kind` and `name` of an item that `can_free`."""

    kind: Kind
    name: Annotated[str, text(255, 1)]


@router.get("/disk", response={200: DiskOut, **ERRORS})
def get_disk(request: HttpRequest, again: Annotated[bool, Query()] = False) -> DiskOut:
    """Return what takes space. The first call starts a measurement, as does one with `again` or after 10 minutes."""
    computed = disk_usage(again=again)
    disk = computed.value
    return DiskOut(
        running=computed.running,
        at=computed.at,
        seconds=round(computed.seconds, 3),
        error=computed.error,
        total=disk.total if disk else 0,
        free=disk.free if disk else 0,
        items=[ItemOut.from_orm(item) for item in disk.items] if disk else [],
    )


@router.post("/disk/free", response={200: FreedOut, **ERRORS})
def free(request: HttpRequest, body: FreeIn) -> dict[str, int]:
    """Delete an item permanently, and return the bytes freed. Revisions go all but the present one."""
    freed = free_space(kind=body.kind, name=body.name, actor=actor_of(request))
    disk_usage(again=True)
    return {"freed_bytes": freed}
