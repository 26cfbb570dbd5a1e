"""Import files of other recorders as takes: look at them, start, and keep mappings for the next files."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Router, Status

from recorder.api import lookups
from recorder.api.additions import AdditionOut, UploadIn
from recorder.api.auth import actor_of
from recorder.api.import_schemas import ImportIn, LookIn, MappingBody, MappingsOut, PreviewOut, preview_out
from recorder.api.operation_schemas import OperationDetail
from recorder.api.operations import Detail
from recorder.api.schemas import ERRORS, text
from recorder.catalog import import_uploads, importing
from recorder.catalog.importing import Changes
from robotdata.dataset.exchange.addition import Addition

router = Router(tags=["imports"])
Name = Annotated[str, Path(), text(80, 1)]


@router.post("/imports/uploads", response={201: AdditionOut, **ERRORS})
def begin_upload(request: HttpRequest, body: UploadIn) -> Status[Addition]:
    """Begin the upload of a file, or a zip of a folder. Send and finish it as an addition; its path: `upload:<id>`."""
    addition = import_uploads.begin_log_upload(name=body.name, size=body.size, actor=actor_of(request))
    return Status(201, addition)


@router.post("/imports/look", response={200: PreviewOut, **ERRORS})
def look_at_recordings(request: HttpRequest, body: LookIn) -> PreviewOut:
    """Say what files of the server hold, and which takes would come with a mapping; without one, propose it."""
    changes = Changes(body.fps, body.task, body.robot_type)
    mapping = None if body.mapping is None else body.mapping.as_json()
    return preview_out(importing.look_at(paths=body.paths, mapping=mapping, changes=changes, actor=actor_of(request)))


@router.post("/imports", response={202: OperationDetail, **ERRORS})
def start_import(request: HttpRequest, body: ImportIn) -> Status[Detail]:
    """Make takes of files of the server, in a dataset or a new one. Returns an operation: poll it."""
    started = importing.start_import(
        paths=body.paths,
        dataset=body.dataset,
        mapping=body.mapping.as_json(),
        actor=actor_of(request),
        again=body.again,
    )
    return Status(202, Detail(lookups.operation_of(started.pk)))


@router.get("/imports/mappings", response={200: MappingsOut, **ERRORS})
def list_mappings(request: HttpRequest) -> MappingsOut:
    """List the names of the saved mappings."""
    return MappingsOut(names=importing.mapping_names())


@router.get("/imports/mappings/{name}", response={200: MappingBody, **ERRORS})
def get_mapping(request: HttpRequest, name: Name) -> MappingBody:
    """Return a saved mapping."""
    return MappingBody.of(importing.mapping_named(name=name, actor=actor_of(request)))


@router.put("/imports/mappings/{name}", response={200: MappingBody, **ERRORS})
def save_mapping(request: HttpRequest, name: Name, body: MappingBody) -> MappingBody:
    """Save a mapping under this name, in place of an earlier one."""
    return MappingBody.of(importing.keep_mapping(name=name, value=body.as_json(), actor=actor_of(request)))
