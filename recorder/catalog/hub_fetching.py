"""Fetch datasets from the Hub or a bucket: what was asked for, as an addition keeps it, and the function for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings

from recorder.catalog.hub_tokens import access_of
from recorder.catalog.storage_keys import storage_access
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.exchange.addition import Addition, Tree
from robotdata.dataset.exchange.errors import TransferError, TransferRefused
from robotdata.dataset.exchange.fetch import Source, numbers_of
from robotdata.dataset.exchange.watcher import Watcher
from robotdata.dataset.hub.client import Hub, library
from robotdata.dataset.hub.names import Repository, parse_repository
from robotdata.dataset.hub.pull import pull
from robotdata.dataset.storage.client import Storage
from robotdata.dataset.storage.client import library as storage_library
from robotdata.dataset.storage.names import is_target, parse_target
from robotdata.dataset.storage.pull import pull as pull_from_storage


def fetch_request(*, repository: str, revision: str, episodes: str, videos: bool) -> tuple[str, dict[str, Any]]:
    """Return what is fetched, for people, and as an addition keeps it. Raises TransferRefused for a wrong name or list.

    `repository` may be `s3://bucket/folder`, which has no revisions.
    """
    if is_target(repository):
        return _request_of_storage(repository, revision, episodes, videos)
    library()
    named = parse_repository(repository, revision.strip(), endpoint=settings.HUB_ENDPOINT)
    numbers = numbers_of(episodes)
    source = f"{named.id}@{named.revision}" if named.revision else named.id
    chosen = None if numbers is None else list(numbers)
    return source, {"repository": named.id, "revision": named.revision, "episodes": chosen, "videos": videos}


def _request_of_storage(address: str, revision: str, episodes: str, videos: bool) -> tuple[str, dict[str, Any]]:
    storage_library()
    source = str(parse_target(address))
    if revision.strip():
        raise TransferRefused("a folder of a bucket has no revisions: leave that empty")
    numbers = numbers_of(episodes)
    return source, {"storage": source, "episodes": None if numbers is None else list(numbers), "videos": videos}


def fetch_addition(addition: Addition, folder: Path, watcher: Watcher) -> Tree:
    """Fetch what the addition asks for into `folder`. Raises TransferError and OSError."""
    asked = addition.hub or {}
    episodes = None if asked["episodes"] is None else tuple(asked["episodes"])
    try:
        if address := asked.get("storage"):
            target = parse_target(address)
            source = Source(str(target), episodes, asked["videos"])
            path = pull_from_storage(Storage(storage_access(asked["user"])), target, source, folder, watcher)
            return Tree(path, addition.source, target.name)
        repository = Repository(asked["repository"], asked["revision"])
        source = Source(repository.id, episodes, asked["videos"])
        path = pull(Hub(access_of(asked["user"])), repository, source, folder, watcher)
    except DatasetError as error:
        raise TransferError(str(error)) from error
    return Tree(path, addition.source, repository.name)
