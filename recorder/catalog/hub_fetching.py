"""Fetch datasets from the Hub: what was asked for, as an addition keeps it, and the function that does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings

from recorder.catalog.hub_tokens import access_of
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.exchange.addition import Addition, Tree
from robotdata.dataset.exchange.errors import TransferError
from robotdata.dataset.exchange.watcher import Watcher
from robotdata.dataset.hub.client import Hub, library
from robotdata.dataset.hub.names import Repository, parse_repository
from robotdata.dataset.hub.pull import PullRequest, numbers_of, pull


def fetch_request(*, repository: str, revision: str, episodes: str, videos: bool) -> tuple[str, dict[str, Any]]:
    """Return what is fetched, for people, and as an addition keeps it. Raises HubRefused for a wrong name or list."""
    library()
    named = parse_repository(repository, revision.strip(), endpoint=settings.HUB_ENDPOINT)
    numbers = numbers_of(episodes)
    source = f"{named.id}@{named.revision}" if named.revision else named.id
    chosen = None if numbers is None else list(numbers)
    return source, {"repository": named.id, "revision": named.revision, "episodes": chosen, "videos": videos}


def fetch_addition(addition: Addition, folder: Path, watcher: Watcher) -> Tree:
    """Fetch what the addition asks for into `folder`. Raises TransferError and OSError."""
    asked = addition.hub or {}
    repository = Repository(asked["repository"], asked["revision"])
    episodes = None if asked["episodes"] is None else tuple(asked["episodes"])
    try:
        path = pull(Hub(access_of(asked["user"])), PullRequest(repository, episodes, asked["videos"]), folder, watcher)
    except DatasetError as error:
        raise TransferError(str(error)) from error
    return Tree(path, addition.source, repository.name)
