"""Copy and move episodes, split, merge and duplicate datasets; each with a preview that changes nothing."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Router, Status

from recorder.api import lookups
from recorder.api.auth import actor_of
from recorder.api.operation_schemas import OperationDetail
from recorder.api.operations import Detail
from recorder.api.schemas import ERRORS, Slug
from recorder.api.transfer_schemas import CopyIn, DuplicateIn, MergeIn, PreviewOut, SplitIn, preview_out
from recorder.catalog.split_parts import parts_by_filter, parts_by_label
from recorder.catalog.transfers import (
    Destination,
    emptied_by_move,
    parts_by_share,
    parts_by_task,
    preview_of_copy,
    preview_of_merge,
    preview_of_split,
    start_copy,
    start_duplicate,
    start_merge,
    start_split,
)
from recorder.models import Dataset, Operation

router = Router(tags=["datasets"])
Named = Annotated[Slug, Path()]


@router.post("/datasets/{slug}/copy", response={202: OperationDetail, **ERRORS})
def copy_episodes(request: HttpRequest, slug: Named, body: CopyIn) -> Status[Detail]:
    """Copy committed episodes to another dataset or a new one, or move them. Returns an operation: poll it."""
    operation = start_copy(
        dataset=lookups.dataset_of(slug),
        episodes=lookups.episodes_of(body.episodes),
        to=_destination(body),
        move=body.move,
        maps=body.maps.maps(),
        actor=actor_of(request),
    )
    return _started(operation)


@router.post("/datasets/{slug}/copy/preview", response={200: PreviewOut, **ERRORS})
def preview_copy(request: HttpRequest, slug: Named, body: CopyIn) -> PreviewOut:
    """Return what a copy would bring and what differs. Changes nothing."""
    to, maps = _destination(body), body.maps.maps()
    dataset, episodes = lookups.dataset_of(slug), lookups.episodes_of(body.episodes)
    preview = preview_of_copy(dataset=dataset, episodes=episodes, to=to, maps=maps)
    shown = preview_out(to.dataset.title if to.dataset else to.title, preview)
    if body.move:
        shown.emptied = emptied_by_move(dataset, episodes)
    return shown


@router.post("/datasets/{slug}/split", response={202: OperationDetail, **ERRORS})
def split_dataset(request: HttpRequest, slug: Named, body: SplitIn) -> Status[Detail]:
    """Make a new dataset of each part; the dataset itself stays. Returns an operation: poll it."""
    dataset = lookups.dataset_of(slug)
    return _started(start_split(dataset=dataset, parts=_parts(dataset, body), actor=actor_of(request)))


@router.post("/datasets/{slug}/split/preview", response={200: list[PreviewOut], **ERRORS})
def preview_split(request: HttpRequest, slug: Named, body: SplitIn) -> list[PreviewOut]:
    """Return what each part would have. Changes nothing."""
    dataset = lookups.dataset_of(slug)
    previews = preview_of_split(dataset=dataset, parts=_parts(dataset, body))
    return [preview_out(title, preview) for title, preview in previews]


@router.post("/datasets/{slug}/merge", response={202: OperationDetail, **ERRORS})
def merge_datasets(request: HttpRequest, slug: Named, body: MergeIn) -> Status[Detail]:
    """Make one new dataset of this and others; features are this one's. Returns an operation: poll it."""
    operation = start_merge(
        dataset=lookups.dataset_of(slug),
        others=[lookups.dataset_of(other) for other in body.others],
        title=body.title,
        maps=body.maps.maps(),
        actor=actor_of(request),
    )
    return _started(operation)


@router.post("/datasets/{slug}/merge/preview", response={200: PreviewOut, **ERRORS})
def preview_merge(request: HttpRequest, slug: Named, body: MergeIn) -> PreviewOut:
    """Return what a merge would have and what differs. Changes nothing."""
    others = [lookups.dataset_of(other) for other in body.others]
    preview = preview_of_merge(dataset=lookups.dataset_of(slug), others=others, maps=body.maps.maps())
    return preview_out(body.title, preview)


@router.post("/datasets/{slug}/duplicate", response={202: OperationDetail, **ERRORS})
def duplicate_dataset(request: HttpRequest, slug: Named, body: DuplicateIn) -> Status[Detail]:
    """Copy the whole dataset under another title. Returns an operation: poll it."""
    dataset = lookups.dataset_of(slug)
    return _started(start_duplicate(dataset=dataset, title=body.title, actor=actor_of(request)))


def _started(operation: Operation) -> Status[Detail]:
    return Status(202, Detail(lookups.operation_of(operation.pk)))


def _destination(body: CopyIn) -> Destination:
    return Destination(lookups.dataset_of(body.to) if body.to else None, body.title or "")


def _parts(dataset: Dataset, body: SplitIn) -> list[tuple[str, list[str]]]:
    """Return the title and the UUIDs of each part."""
    if body.parts is None:
        return parts_by_label(dataset) if body.by == "label" else parts_by_task(dataset)
    if body.parts[0].share is not None:
        return parts_by_share(dataset, [(part.title, part.share or 0) for part in body.parts])
    if body.parts[0].filter is not None:
        return parts_by_filter(dataset, [(part.title, part.filter or "") for part in body.parts])
    return [(part.title, [str(pk) for pk in part.episodes or []]) for part in body.parts]
