"""Send a dataset to the Hub or to object storage: what a push would do, its card, and its start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as dataclass_replace

from django.conf import settings

from recorder.actor import Actor
from recorder.catalog.hub_tokens import NONE, access_of, source_of
from recorder.catalog.storage_keys import keys_source, storage_access
from recorder.errors import Refused
from recorder.jobs.pushing import begin_push
from recorder.models import Dataset, Operation
from recorder.models.permissions import Action, require
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.exchange.contents import (
    CARD,
    Comparison,
    Contents,
    compare,
    contents_of,
    refuse_other_content,
    size_of,
)
from robotdata.dataset.exchange.errors import Passing, TransferError, TransferRefused
from robotdata.dataset.exchange.snapshot import Archive, OtherVersion, archive_of
from robotdata.dataset.hub.card import LICENCES, MAX_CARD_BYTES, card_of
from robotdata.dataset.hub.client import Hub, library
from robotdata.dataset.hub.names import parse_repository
from robotdata.dataset.hub.push import look
from robotdata.dataset.layout import INFO
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.storage.client import Storage
from robotdata.dataset.storage.names import is_target, parse_target
from robotdata.dataset.storage.push import compared, other_dataset

_PREVIEW_TRIES = 2


@dataclass(frozen=True, slots=True)
class PushPreview:
    """What a push would do: files and bytes that are new, changed and the same, and files that go.

    `exists` and `private`: of the repository; a folder of a bucket counts as private, and exists once it has a dataset.
    `has_card`: there is a README.md, which stays unless a card is sent. A bucket gets no `card`.
    `left_out`: files of the folder that are not of the dataset. `other`: which other dataset a folder of a bucket
    holds, in words; it stays unless the push is told to `replace` it.
    """

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
    other: str = ""


def preview_push(*, dataset: Dataset, repository: str, licence: str = "", actor: Actor) -> PushPreview:
    """Return what a push of the present state would do. Changes nothing. Raise Refused if the other side refuses it."""
    require(actor, Action.PUBLISH_DATASET, dataset)
    _check(dataset, licence)
    with _refused(dataset, repository):
        if is_target(repository):
            return _preview_in_storage(dataset, repository, actor)
        library()
        name = parse_repository(repository, endpoint=settings.HUB_ENDPOINT).id
        contents = contents_of(state_to_send(dataset), dataset.slug)
        hub = Hub(access_of(actor.user_id), tries=_PREVIEW_TRIES)
        place = look(hub, name)
        refuse_other_content(name, place.files)
        found = compare(contents, place.files)
        card = card_of(DatasetFolder.open(contents.root), title=dataset.title, repository=name, licence=licence)
    preview = _preview_of(name, contents, found)
    return dataclass_replace(
        preview, exists=place.head is not None, private=place.private, has_card=CARD in place.files, card=card
    )


def _preview_in_storage(dataset: Dataset, address: str, actor: Actor) -> PushPreview:
    target = parse_target(address)
    contents = contents_of(state_to_send(dataset), dataset.slug)
    storage = Storage(storage_access(actor.user_id), tries=_PREVIEW_TRIES)
    place, found = compared(storage, contents, target, replace=True)
    preview = _preview_of(str(target), contents, found)
    return dataclass_replace(preview, exists=INFO in place.objects, other=other_dataset(place, contents))


def _preview_of(name: str, contents: Contents, found: Comparison) -> PushPreview:
    return PushPreview(
        repository=name,
        exists=False,
        private=True,
        new_files=len(found.new),
        new_bytes=size_of(found.new),
        changed_files=len(found.changed),
        changed_bytes=size_of(found.changed),
        same_files=len(found.same),
        same_bytes=size_of(found.same),
        gone_files=len(found.gone),
        left_out=contents.left_out,
        has_card=False,
        card="",
    )


def start_push(
    *,
    dataset: Dataset,
    repository: str,
    private: bool = True,
    pull_request: bool = False,
    card: str | None = None,
    licence: str = "",
    replace: bool = False,
    actor: Actor,
) -> Operation:
    """Begin a push of the present state. `card` None keeps the one that is there; a new repository gets one of ours.

    `repository` is that of the Hub, or `s3://bucket/folder`, which gets no card; `replace`: also if the folder holds
    another dataset. Raise Refused if the name is not one, nobody is signed in, or one is being sent there already.
    """
    require(actor, Action.PUBLISH_DATASET, dataset)
    _check(dataset, licence)
    if card is not None and len(card.encode()) > MAX_CARD_BYTES:
        raise Refused("too_big", f"A card has at most {MAX_CARD_BYTES:,} bytes: shorten it.", 413)
    with _refused(dataset, repository):
        name, source = _place_of(repository, actor)
        if pull_request and is_target(name):
            raise Refused("invalid", "A bucket has no pull requests: push without one.", 422)
        if replace and not is_target(name):
            raise Refused("invalid", "Only a folder of a bucket is replaced: a repository keeps what it had.", 422)
        archive = state_to_send(dataset)
    arguments = {"repository": name, "private": private, "pull_request": pull_request, "card": card}
    arguments |= {"licence": licence, "user": actor.user_id, "source": source, "version": archive.version}
    arguments |= {"replace": replace}
    return begin_push(dataset=dataset, actor=actor, arguments=arguments)


def _place_of(repository: str, actor: Actor) -> tuple[str, str]:
    """Return the name of the place, and whose token or keys are used. Raise Refused if nobody has any."""
    if is_target(repository):
        name, source = str(parse_target(repository)), keys_source(actor.user_id)
        if source == NONE:
            raise Refused("no_keys", "There are no keys for object storage here: enter some first.")
        return name, source
    source = source_of(actor.user_id)
    access = access_of(actor.user_id, source)
    name = parse_repository(repository, endpoint=settings.HUB_ENDPOINT).id
    if not access.token:
        raise Refused("no_token", f"Nobody is signed in at {access.host}: enter a token first.")
    return name, source


def state_to_send(dataset: Dataset, version: str = "") -> Archive:
    """Return the present state, kept as hard links; with `version` that one, and no other.

    Raises TransferRefused if that state is gone, TransferError and OSError.
    """
    try:
        archive = archive_of(dataset.path, dataset.work_path, dataset.slug, version=version)
    except OtherVersion:
        archive = None
    if archive is None or (version and archive.version != version):
        raise TransferRefused(f"The state of {dataset.title} that this push was to send is gone: begin a new push")
    return archive


def _check(dataset: Dataset, licence: str) -> None:
    if not (dataset.path / INFO).is_file():
        raise Refused("empty", f"{dataset.title} has no episode yet: encode takes first.")
    if licence and licence not in LICENCES:
        raise Refused("invalid", f"The licence {licence[:40]!r} is not one of {', '.join(LICENCES)}.", 422)


@contextmanager
def _refused(dataset: Dataset, repository: str) -> Iterator[None]:
    """Raise errors of the other side, of the folder and of the disk as Refused."""
    there = "storage" if is_target(repository) else "hub"
    try:
        yield
    except Passing as error:
        raise Refused(there, f"{error}.", 503) from error
    except TransferError as error:
        raise Refused(there, f"{error}.") from error
    except DatasetError as error:
        raise Refused("not_sent", f"{dataset.title} cannot be sent: {str(error).rstrip('.')}.") from error
    except OSError as error:
        message = f"{dataset.title} cannot be read: {error.strerror or error}. Check the disk and its permissions."
        raise Refused("not_sent", message, 503) from error
