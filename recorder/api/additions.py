"""Add datasets: upload a zip file in pieces, or name a folder of the server; watch and cancel it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from recorder.api.auth import actor_of
from recorder.api.schemas import ERRORS, Body, text
from recorder.catalog import additions, import_uploads
from recorder.catalog.additions import MAX_PIECE_BYTES, Candidate
from recorder.errors import Refused
from recorder.models import Unopened
from robotdata.dataset.exchange.addition import Addition, Landed

router = Router(tags=["additions"])

ServerPath = Annotated[str, text(4000, 1)]
_MAX_SIZE = 1 << 50


class LandedOut(Schema):
    """A folder that is among the datasets now. `problem`: why it cannot be opened; empty for a dataset.

    `note`: why it has another name than before.
    """

    name: str
    before: str
    problem: str
    note: str


class AdditionOut(Schema):
    """An addition: `state` is uploading, running, done, failed, cancelled or interrupted; `done` and `total` in bytes.

    `landed` are the datasets that it has added so far. `logs`: it is a file to import; see `/imports/uploads`.
    """

    id: UUID
    source: str
    by: str
    state: str
    done: int
    total: int
    error: str
    landed: list[LandedOut]
    logs: bool


class CandidateOut(Schema):
    """A dataset in a folder of the server. `problem`: why it is not a v3.0 dataset; `here`: it needs no copy."""

    path: str
    name: str
    problem: str
    here: bool


class FolderIn(Body):
    """The path of a folder, or of a zip file, of the server."""

    path: ServerPath


class FoldersIn(Body):
    """The paths of folders of datasets of the server, or that of one zip file."""

    paths: Annotated[list[ServerPath], Field(min_length=1, max_length=500)]


class HubIn(Body):
    """A repository of the Hub, `user/name` or its address, or `s3://bucket/folder`; episodes as `0,3,5-9`."""

    repository: Annotated[str, text(300, 1)]
    revision: Annotated[str, text(200)] = ""
    episodes: Annotated[str, text(4000)] = ""
    videos: bool = True


class UploadIn(Body):
    """The name and the size in bytes of a file."""

    name: Annotated[str, text(300, 1)]
    size: Annotated[int, Field(ge=1, le=_MAX_SIZE)]


class InnerIn(Body):
    """The name of the inner folder."""

    name: Annotated[str, text(255, 1)]


@router.post("/additions/look", response={200: list[CandidateOut], **ERRORS})
def look_into_folder(request: HttpRequest, body: FolderIn) -> list[Candidate]:
    """List the datasets in a folder of the server, without changing anything."""
    return additions.look_into(path=body.path, actor=actor_of(request))


@router.post("/additions/folders", response={202: AdditionOut, **ERRORS})
def add_folders(request: HttpRequest, body: FoldersIn) -> Status[Addition]:
    """Add datasets of the server: those of the home where they are, others as copies. Poll the addition."""
    return Status(202, additions.add_paths(paths=body.paths, actor=actor_of(request)))


@router.post("/additions/hub", response={202: AdditionOut, **ERRORS})
def add_from_hub(request: HttpRequest, body: HubIn) -> Status[Addition]:
    """Fetch a dataset, or some episodes of it, from the Hub. Poll the addition; `interrupted` can be finished again."""
    return Status(202, additions.add_from_hub(actor=actor_of(request), **body.model_dump()))


@router.post("/additions", response={201: AdditionOut, **ERRORS})
def begin_upload(request: HttpRequest, body: UploadIn) -> Status[Addition]:
    """Begin the upload of a zip file. Send its bytes to `/additions/<id>/bytes`, then finish it."""
    return Status(201, additions.begin_upload(name=body.name, size=body.size, actor=actor_of(request)))


@router.put("/additions/{addition_id}/bytes", response={200: AdditionOut, **ERRORS})
def send_bytes(request: HttpRequest, addition_id: UUID, offset: Annotated[int, Query(ge=0, le=_MAX_SIZE)]) -> Addition:
    """Store a piece of at most 4 MiB, the request's body, from `offset` on. Repeating a piece does no harm."""
    data = request.read(MAX_PIECE_BYTES + 1)
    if len(data) > MAX_PIECE_BYTES:
        raise Refused("too_big", f"A piece has at most {MAX_PIECE_BYTES:,} bytes: send less at a time.", 413)
    return additions.store_piece(addition_id=str(addition_id), offset=offset, data=data, actor=actor_of(request))


@router.post("/additions/{addition_id}/finish", response={202: AdditionOut, **ERRORS})
def finish_upload(request: HttpRequest, addition_id: UUID) -> Status[Addition]:
    """Unpack what was uploaded, or try an interrupted addition again. Poll it until it is done."""
    return Status(202, additions.finish_upload(addition_id=str(addition_id), actor=actor_of(request)))


@router.get("/additions", response={200: list[AdditionOut], **ERRORS})
def list_additions(request: HttpRequest) -> list[Addition]:
    """List the additions of the last day, newest first."""
    return additions.incoming().list()


@router.get("/additions/{addition_id}", response={200: AdditionOut, **ERRORS})
def get_addition(request: HttpRequest, addition_id: UUID) -> Addition:
    """Return one addition."""
    return additions.addition_of(str(addition_id))


@router.post("/additions/{addition_id}/cancel", response={200: AdditionOut, **ERRORS})
def cancel_addition(request: HttpRequest, addition_id: UUID) -> Addition:
    """Cancel it; what it has added already stays. A file that waits for an import is removed."""
    return import_uploads.cancel_unused(addition_id=str(addition_id), actor=actor_of(request))


@router.post("/unopened/{row_id}/open-inner", response={200: LandedOut, **ERRORS})
def open_inner(request: HttpRequest, row_id: int, body: InnerIn) -> Landed:
    """Move a dataset that lies one folder too deep up among the others, and open it."""
    row = Unopened.objects.filter(pk=row_id).first()
    if row is None:
        raise Refused("no_folder", "This folder is not in the list any more. Reload the page.", 404)
    return additions.open_inner(outer=row.name, inner=body.name, actor=actor_of(request))
