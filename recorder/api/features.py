"""Change a dataset's features, words and statistics, with a preview that changes nothing."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Router, Status

from recorder.api import lookups
from recorder.api.auth import actor_of
from recorder.api.feature_schemas import FeaturesIn, FeaturesPreview, preview_out
from recorder.api.operation_schemas import OperationDetail
from recorder.api.operations import Detail
from recorder.api.schemas import ERRORS, Slug
from recorder.catalog.feature_changes import preview_of_change, start_change, waiting_takes
from recorder.errors import Refused

router = Router(tags=["datasets"])
Named = Annotated[Slug, Path()]


@router.post("/datasets/{slug}/features", response={202: OperationDetail, **ERRORS})
def change_features(request: HttpRequest, slug: Named, body: FeaturesIn) -> Status[Detail]:
    """Remove, rename and add features, change words, compute statistics again. Returns an operation: poll it."""
    dataset = lookups.dataset_of(slug)
    operation = start_change(dataset=dataset, change=body.change(), actor=actor_of(request))
    return Status(202, Detail(lookups.operation_of(operation.pk)))


@router.post("/datasets/{slug}/features/preview", response={200: FeaturesPreview, **ERRORS})
def preview_features(request: HttpRequest, slug: Named, body: FeaturesIn) -> FeaturesPreview:
    """Return what the change would do, or in `problem` why it cannot be made. Changes nothing."""
    dataset, change = lookups.dataset_of(slug), body.change()
    try:
        preview = preview_of_change(dataset=dataset, change=change)
    except Refused as refused:
        if refused.status != 422:
            raise
        return FeaturesPreview(problem=refused.message)
    return preview_out(preview, waiting_takes(dataset, change))
