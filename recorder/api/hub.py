"""The Hub: push a dataset, with a preview that changes nothing, and keep a token for it."""

from __future__ import annotations

from typing import Annotated

from django.conf import settings
from django.http import HttpRequest
from ninja import Path, Router, Schema, Status

from recorder.api import lookups
from recorder.api.auth import actor_of
from recorder.api.operation_schemas import OperationDetail
from recorder.api.operations import Detail
from recorder.api.schemas import ERRORS, Body, Slug, text
from recorder.catalog.hub_tokens import forget_token, keep_token, source_of
from recorder.catalog.publishing import PushPreview, preview_push, start_push
from robotdata.dataset.hub.card import MAX_CARD_BYTES

router = Router(tags=["datasets"])
Named = Annotated[Slug, Path()]
RepositoryName = Annotated[str, text(300, 1)]
Licence = Annotated[str, text(40)]


class HubOut(Schema):
    """The Hub, and whose token is used: your `own`, that of the `server`'s user, or `none`."""

    endpoint: str
    token: str


class TokenIn(Body):
    """A token of the Hub."""

    token: Annotated[str, text(200, 1)]


class PreviewIn(Body):
    """The repository, as `user/name` or as the address of its page, and the licence for the card."""

    repository: RepositoryName
    licence: Licence = ""


class PushIn(PreviewIn):
    """How the dataset is sent. Without a `card` the one of the repository stays; a new one gets ours."""

    private: bool = True
    pull_request: bool = False
    card: Annotated[str, text(MAX_CARD_BYTES)] | None = None


class PushPreviewOut(Schema):
    """What a push would do, in files and bytes; `card` is the one that it would get."""

    repository: str
    exists: bool
    private: bool
    new_files: int
    new_bytes: int
    changed_files: int
    changed_bytes: int
    same_files: int
    same_bytes: int
    gone_files: int
    left_out: list[str]
    has_card: bool
    card: str


@router.get("/hub", response={200: HubOut, **ERRORS})
def get_hub(request: HttpRequest) -> HubOut:
    """Return the Hub's address, and where the token for it comes from."""
    return HubOut(endpoint=settings.HUB_ENDPOINT, token=source_of(actor_of(request).user_id))


@router.put("/hub/token", response={200: HubOut, **ERRORS})
def put_token(request: HttpRequest, body: TokenIn) -> HubOut:
    """Keep your token, encrypted. It is never shown again."""
    keep_token(token=body.token, actor=actor_of(request))
    return get_hub(request)


@router.delete("/hub/token", response={200: HubOut, **ERRORS})
def delete_token(request: HttpRequest) -> HubOut:
    """Remove your token."""
    forget_token(actor=actor_of(request))
    return get_hub(request)


@router.post("/datasets/{slug}/push/preview", response={200: PushPreviewOut, **ERRORS})
def preview(request: HttpRequest, slug: Named, body: PreviewIn) -> PushPreview:
    """Compare the dataset with a repository, and return the card that it would get. Changes nothing."""
    dataset = lookups.dataset_of(slug)
    return preview_push(dataset=dataset, repository=body.repository, licence=body.licence, actor=actor_of(request))


@router.post("/datasets/{slug}/push", response={202: OperationDetail, **ERRORS})
def push_dataset(request: HttpRequest, slug: Named, body: PushIn) -> Status[Detail]:
    """Send what is not there to the repository, which is made if it does not exist. Returns an operation: poll it."""
    dataset = lookups.dataset_of(slug)
    operation = start_push(dataset=dataset, actor=actor_of(request), **body.model_dump())
    return Status(202, Detail(lookups.operation_of(operation.pk)))
