"""Push a dataset, with a preview that changes nothing, and keep a token for the Hub or keys for a storage."""

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
from recorder.catalog.hub_tokens import OWN, forget_token, keep_token, source_of
from recorder.catalog.publishing import PushPreview, preview_push, start_push
from recorder.catalog.storage_keys import forget_keys, keep_keys, keys_source, storage_access
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


class StorageOut(Schema):
    """Object storage: whose keys are used, your `own`, those of the `server`'s user or `none`; and where yours are for.

    `endpoint` is empty for AWS.
    """

    keys: str
    endpoint: str


class KeysIn(Body):
    """Keys of a storage, and its address, as `https://minio.lab:9000`; empty for AWS."""

    key: Annotated[str, text(300, 1)]
    secret: Annotated[str, text(300, 1)]
    endpoint: Annotated[str, text(300)] = ""
    region: Annotated[str, text(100)] = ""


class PreviewIn(Body):
    """The repository, as `user/name` or as the address of its page, or `s3://bucket/folder`; and the card's licence."""

    repository: RepositoryName
    licence: Licence = ""


class PushIn(PreviewIn):
    """How the dataset is sent. Without a `card` the one of the repository stays; a new one gets ours.

    A folder of a bucket that holds another dataset is refused unless `replace` is true.
    """

    private: bool = True
    pull_request: bool = False
    card: Annotated[str, text(MAX_CARD_BYTES)] | None = None
    replace: bool = False


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


@router.get("/storage", response={200: StorageOut, **ERRORS})
def get_storage(request: HttpRequest) -> StorageOut:
    """Return where the keys for object storage come from, and the address that yours are for."""
    user = actor_of(request).user_id
    keys = keys_source(user)
    return StorageOut(keys=keys, endpoint=storage_access(user).endpoint if keys == OWN else "")


@router.put("/storage/keys", response={200: StorageOut, **ERRORS})
def put_keys(request: HttpRequest, body: KeysIn) -> StorageOut:
    """Keep your keys, encrypted. They are never shown again."""
    keep_keys(**body.model_dump(), actor=actor_of(request))
    return get_storage(request)


@router.delete("/storage/keys", response={200: StorageOut, **ERRORS})
def delete_keys(request: HttpRequest) -> StorageOut:
    """Remove your keys."""
    forget_keys(actor=actor_of(request))
    return get_storage(request)


@router.post("/datasets/{slug}/push/preview", response={200: PushPreview, **ERRORS})
def preview(request: HttpRequest, slug: Named, body: PreviewIn) -> PushPreview:
    """Compare the dataset with a repository or a folder of a bucket; return its card, too. Changes nothing."""
    dataset = lookups.dataset_of(slug)
    return preview_push(dataset=dataset, repository=body.repository, licence=body.licence, actor=actor_of(request))


@router.post("/datasets/{slug}/push", response={202: OperationDetail, **ERRORS})
def push_dataset(request: HttpRequest, slug: Named, body: PushIn) -> Status[Detail]:
    """Send what is not there. A repository is made if it does not exist. Returns an operation: poll it."""
    dataset = lookups.dataset_of(slug)
    operation = start_push(dataset=dataset, actor=actor_of(request), **body.model_dump())
    return Status(202, Detail(lookups.operation_of(operation.pk)))
