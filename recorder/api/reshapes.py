"""Change a dataset's time and pictures: new order, cut, re-encode, fewer frames, videos and images; with previews."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Path, Router, Schema, Status
from pydantic import Field, model_validator

from recorder.api import lookups
from recorder.api.auth import actor_of
from recorder.api.operation_schemas import OperationDetail
from recorder.api.operations import Detail
from recorder.api.schemas import ERRORS, Body, EncodingIn, Slug, text
from recorder.catalog.reshapes import (
    Reshape,
    cut_of,
    dropping_of,
    new_order,
    preview_reshape,
    reencode_of,
    start_reshape,
    to_images_of,
    to_videos_of,
)
from recorder.models import Dataset
from robotdata.dataset.write.reshape import ReshapePreview

router = Router(tags=["datasets"])
Named = Annotated[Slug, Path()]
Cameras = Annotated[list[Annotated[str, text(200, 1)]], Field(min_length=1, max_length=100)]
Side = Annotated[int, Field(ge=16, le=8192)]
Frame = Annotated[int, Field(ge=0, le=10_000_000)]


class ReorderIn(Body):
    """An order with a name, or episodes that come first, in this order; the others follow as they are."""

    by: Literal["recorded", "task", "length"] | None = None
    episodes: Annotated[list[UUID], Field(min_length=1, max_length=5000)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> ReorderIn:
        if (self.by is None) == (self.episodes is None):
            raise ValueError("give one of `by` and `episodes`")
        return self


class CutIn(Body):
    """Frames `first` up to, and not including, `end` that are cut out of an episode.

    It becomes two; with `seam` it stays one, with a mark where its parts meet.
    """

    episode: UUID
    first: Frame
    end: Frame
    seam: bool = False


class CamerasIn(Body):
    """Keys of cameras, such as `observation.images.front`."""

    cameras: Cameras


class EncodeCamerasIn(CamerasIn):
    """Cameras, and what of the dataset's encoding is another."""

    encoding: EncodingIn | None = None


class ReencodeIn(EncodeCamerasIn):
    """Cameras, their encoding, and perhaps another size in pixels."""

    width: Side | None = None
    height: Side | None = None

    @model_validator(mode="after")
    def _both_sides(self) -> ReencodeIn:
        if (self.width is None) != (self.height is None):
            raise ValueError("give both `width` and `height`, or neither")
        return self


class DropFramesIn(Body):
    """One of `keep_one_of` frames stays; `encoding` is what of the dataset's is another."""

    keep_one_of: Annotated[int, Field(ge=2, le=1000)]
    encoding: EncodingIn | None = None


class ReshapePreviewOut(Schema):
    """The dataset afterwards, how many frames are encoded, and about how many seconds that takes."""

    episodes: int
    frames: int
    size_bytes: int
    encoded_frames: int
    seconds: float
    notes: list[str]


def _encoding(body: Any) -> dict[str, Any]:
    return body.encoding.model_dump(exclude_unset=True) if body.encoding else {}


def _reorder(dataset: Dataset, body: ReorderIn) -> Reshape:
    return new_order(dataset, by=body.by or "", episodes=lookups.episodes_of(body.episodes) if body.episodes else ())


def _cut(dataset: Dataset, body: CutIn) -> Reshape:
    return cut_of(dataset, episode=lookups.episode_of(body.episode), first=body.first, end=body.end, seam=body.seam)


def _reencode(dataset: Dataset, body: ReencodeIn) -> Reshape:
    size = (body.width, body.height) if body.width and body.height else None
    return reencode_of(dataset, cameras=body.cameras, encoding=_encoding(body), size=size)


def _drop_frames(dataset: Dataset, body: DropFramesIn) -> Reshape:
    return dropping_of(dataset, keep_one_of=body.keep_one_of, encoding=_encoding(body))


def _to_videos(dataset: Dataset, body: EncodeCamerasIn) -> Reshape:
    return to_videos_of(dataset, cameras=body.cameras, encoding=_encoding(body))


def _to_images(dataset: Dataset, body: CamerasIn) -> Reshape:
    return to_images_of(dataset, cameras=body.cameras)


def _start(request: HttpRequest, slug: str, make: Callable[[Dataset], Reshape]) -> Status[Detail]:
    dataset = lookups.dataset_of(slug)
    operation = start_reshape(dataset=dataset, change=make(dataset), actor=actor_of(request))
    return Status(202, Detail(lookups.operation_of(operation.pk)))


def _preview(slug: str, make: Callable[[Dataset], Reshape]) -> ReshapePreview:
    dataset = lookups.dataset_of(slug)
    return preview_reshape(dataset=dataset, change=make(dataset))


@router.post("/datasets/{slug}/reorder", response={202: OperationDetail, **ERRORS})
def reorder(request: HttpRequest, slug: Named, body: ReorderIn) -> Status[Detail]:
    """Put the episodes into another order. Nothing is encoded. Returns an operation: poll it."""
    return _start(request, slug, lambda dataset: _reorder(dataset, body))


@router.post("/datasets/{slug}/reorder/preview", response={200: ReshapePreviewOut, **ERRORS})
def preview_reorder(request: HttpRequest, slug: Named, body: ReorderIn) -> ReshapePreview:
    """Return what the new order would do. Changes nothing."""
    return _preview(slug, lambda dataset: _reorder(dataset, body))


@router.post("/datasets/{slug}/cut", response={202: OperationDetail, **ERRORS})
def cut(request: HttpRequest, slug: Named, body: CutIn) -> Status[Detail]:
    """Cut frames out of the middle of an episode, which becomes two. Returns an operation: poll it."""
    return _start(request, slug, lambda dataset: _cut(dataset, body))


@router.post("/datasets/{slug}/cut/preview", response={200: ReshapePreviewOut, **ERRORS})
def preview_cut(request: HttpRequest, slug: Named, body: CutIn) -> ReshapePreview:
    """Return where the cut would really lie. Changes nothing."""
    return _preview(slug, lambda dataset: _cut(dataset, body))


@router.post("/datasets/{slug}/reencode", response={202: OperationDetail, **ERRORS})
def reencode(request: HttpRequest, slug: Named, body: ReencodeIn) -> Status[Detail]:
    """Encode cameras again with another codec, quality or size. Returns an operation: poll it."""
    return _start(request, slug, lambda dataset: _reencode(dataset, body))


@router.post("/datasets/{slug}/reencode/preview", response={200: ReshapePreviewOut, **ERRORS})
def preview_reencode(request: HttpRequest, slug: Named, body: ReencodeIn) -> ReshapePreview:
    """Encode a few frames aside, and return what encoding all would take. Changes nothing."""
    return _preview(slug, lambda dataset: _reencode(dataset, body))


@router.post("/datasets/{slug}/drop-frames", response={202: OperationDetail, **ERRORS})
def drop_frames(request: HttpRequest, slug: Named, body: DropFramesIn) -> Status[Detail]:
    """Keep one of so many frames, at a lower fps. Returns an operation: poll it."""
    return _start(request, slug, lambda dataset: _drop_frames(dataset, body))


@router.post("/datasets/{slug}/drop-frames/preview", response={200: ReshapePreviewOut, **ERRORS})
def preview_drop_frames(request: HttpRequest, slug: Named, body: DropFramesIn) -> ReshapePreview:
    """Return what dropping frames would do. Changes nothing."""
    return _preview(slug, lambda dataset: _drop_frames(dataset, body))


@router.post("/datasets/{slug}/to-videos", response={202: OperationDetail, **ERRORS})
def to_videos(request: HttpRequest, slug: Named, body: EncodeCamerasIn) -> Status[Detail]:
    """Encode cameras whose images are in the rows as videos. Returns an operation: poll it."""
    return _start(request, slug, lambda dataset: _to_videos(dataset, body))


@router.post("/datasets/{slug}/to-videos/preview", response={200: ReshapePreviewOut, **ERRORS})
def preview_to_videos(request: HttpRequest, slug: Named, body: EncodeCamerasIn) -> ReshapePreview:
    """Return what the change to videos would do. Changes nothing."""
    return _preview(slug, lambda dataset: _to_videos(dataset, body))


@router.post("/datasets/{slug}/to-images", response={202: OperationDetail, **ERRORS})
def to_images(request: HttpRequest, slug: Named, body: CamerasIn) -> Status[Detail]:
    """Write the frames of cameras as PNG into the rows; their videos go. Returns an operation: poll it."""
    return _start(request, slug, lambda dataset: _to_images(dataset, body))


@router.post("/datasets/{slug}/to-images/preview", response={200: ReshapePreviewOut, **ERRORS})
def preview_to_images(request: HttpRequest, slug: Named, body: CamerasIn) -> ReshapePreview:
    """Return what the change to images would do. Changes nothing."""
    return _preview(slug, lambda dataset: _to_images(dataset, body))
