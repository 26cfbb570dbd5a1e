"""Send a dataset to the Hub: what a push would do, its card, and its start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings

from recorder.actor import Actor
from recorder.catalog.hub_tokens import access_of, source_of
from recorder.errors import Refused
from recorder.jobs.pushing import begin_push
from recorder.models import Dataset, Operation
from recorder.models.permissions import Action, require
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.exchange.errors import TransferError
from robotdata.dataset.exchange.snapshot import Archive, OtherVersion, archive_of
from robotdata.dataset.hub.card import LICENCES, MAX_CARD_BYTES, card_of
from robotdata.dataset.hub.client import Hub, library
from robotdata.dataset.hub.contents import CARD, compare, contents_of, refuse_other_content, size_of
from robotdata.dataset.hub.errors import HubPassing, HubRefused
from robotdata.dataset.hub.names import parse_repository
from robotdata.dataset.hub.push import look
from robotdata.dataset.layout import INFO
from robotdata.dataset.reader import DatasetFolder

_PREVIEW_TRIES = 2


@dataclass(frozen=True, slots=True)
class PushPreview:
    """What a push would do: files and bytes that are new, changed and the same, and files that go.

    `exists` and `private`: of the repository. `has_card`: it has a README.md, which stays unless a card is sent.
    `left_out`: files of the folder that are not of the dataset.
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


def preview_push(*, dataset: Dataset, repository: str, licence: str = "", actor: Actor) -> PushPreview:
    """Return what a push of the present state would do. Changes nothing. Raise Refused if the Hub refuses it."""
    require(actor, Action.PUBLISH_DATASET, dataset)
    _check(dataset, licence)
    with _refused(dataset):
        library()
        name = parse_repository(repository, endpoint=settings.HUB_ENDPOINT).id
        contents = contents_of(state_to_send(dataset), dataset.slug)
        hub = Hub(access_of(actor.user_id), tries=_PREVIEW_TRIES)
        place = look(hub, name)
        refuse_other_content(name, place.files)
        found = compare(contents, place.files)
        card = card_of(DatasetFolder.open(contents.root), title=dataset.title, repository=name, licence=licence)
    return PushPreview(
        repository=name,
        exists=place.head is not None,
        private=place.private,
        new_files=len(found.new),
        new_bytes=size_of(found.new),
        changed_files=len(found.changed),
        changed_bytes=size_of(found.changed),
        same_files=len(found.same),
        same_bytes=size_of(found.same),
        gone_files=len(found.gone),
        left_out=contents.left_out,
        has_card=CARD in place.files,
        card=card,
    )


def start_push(
    *,
    dataset: Dataset,
    repository: str,
    private: bool = True,
    pull_request: bool = False,
    card: str | None = None,
    licence: str = "",
    actor: Actor,
) -> Operation:
    """Begin a push of the present state. `card` None keeps the one that is there; a new repository gets one of ours.

    Raise Refused if the name is not one, nobody is signed in, or the dataset is being sent there already.
    """
    require(actor, Action.PUBLISH_DATASET, dataset)
    _check(dataset, licence)
    if card is not None and len(card.encode()) > MAX_CARD_BYTES:
        raise Refused("too_big", f"A card has at most {MAX_CARD_BYTES:,} bytes: shorten it.", 413)
    with _refused(dataset):
        source = source_of(actor.user_id)
        access = access_of(actor.user_id, source)
        name = parse_repository(repository, endpoint=settings.HUB_ENDPOINT).id
        if not access.token:
            raise Refused("no_token", f"Nobody is signed in at {access.host}: enter a token first.")
        archive = state_to_send(dataset)
    arguments = {"repository": name, "private": private, "pull_request": pull_request, "card": card}
    arguments |= {"licence": licence, "user": actor.user_id, "source": source, "version": archive.version}
    return begin_push(dataset=dataset, actor=actor, arguments=arguments)


def state_to_send(dataset: Dataset, version: str = "") -> Archive:
    """Return the present state, kept as hard links; with `version` that one, and no other.

    Raises HubRefused if that state is gone, TransferError and OSError.
    """
    try:
        archive = archive_of(dataset.path, dataset.work_path, dataset.slug, version=version)
    except OtherVersion:
        archive = None
    if archive is None or (version and archive.version != version):
        raise HubRefused(f"The state of {dataset.title} that this push was to send is gone: begin a new push")
    return archive


def _check(dataset: Dataset, licence: str) -> None:
    if not (dataset.path / INFO).is_file():
        raise Refused("empty", f"{dataset.title} has no episode yet: encode takes first.")
    if licence and licence not in LICENCES:
        raise Refused("invalid", f"The licence {licence[:40]!r} is not one of {', '.join(LICENCES)}.", 422)


@contextmanager
def _refused(dataset: Dataset) -> Iterator[None]:
    """Raise errors of the Hub, of the folder and of the disk as Refused."""
    try:
        yield
    except HubPassing as error:
        raise Refused("hub", f"{error}.", 503) from error
    except TransferError as error:
        raise Refused("hub", f"{error}.") from error
    except DatasetError as error:
        raise Refused("not_sent", f"{dataset.title} cannot be sent: {str(error).rstrip('.')}.") from error
    except OSError as error:
        message = f"{dataset.title} cannot be read: {error.strerror or error}. Check the disk and its permissions."
        raise Refused("not_sent", message, 503) from error
