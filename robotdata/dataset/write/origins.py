"""The sidecar entries of copied and moved episodes: which UUID they have, and where they come from."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from robotdata.dataset.annotations import NUMBER, Ids
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import EditError
from robotdata.dataset.reader import DatasetFolder

ORIGIN = "origin"
"""Key in an episode's entry of the sidecar: the dataset, the number and the UUID that it was copied from."""

Label = Callable[[DatasetFolder, EpisodeInfo], dict[str, Any]]


def entry_of_copy(dataset: DatasetFolder, episode: EpisodeInfo) -> dict[str, Any]:
    """Return the sidecar entry of a copied episode: its annotations, a new UUID, and its origin.

    It has no number: the other dataset gives it one of its own.
    """
    origin = {"dataset": dataset.root.name, "episode": episode.index, "uuid": episode.uuid}
    annotations = {name: value for name, value in episode.extra.items() if name != NUMBER}
    return {**annotations, "uuid": str(uuid.uuid4()), "length": episode.length, ORIGIN: origin}


def entry_kept(ids: Ids | None, dataset: DatasetFolder, episode: EpisodeInfo) -> dict[str, Any]:
    """Return the sidecar entry of a moved episode, which keeps its UUID; `ids` gives one if it has none."""
    entry = entry_of_copy(dataset, episode)
    origin = {**entry[ORIGIN], "moved": True}
    return {**entry, "uuid": episode.uuid or (ids(episode) if ids else entry["uuid"]), ORIGIN: origin}


def not_there(base: DatasetFolder, chosen: Sequence[EpisodeInfo]) -> list[EpisodeInfo]:
    """Return the episodes that an earlier, killed move has not put into `base`. Raises EditError if one changed there.

    A moved episode may have got a new UUID, because it was in two datasets; its origin has the old one.
    """
    there: dict[str, int] = {}
    for episode in base.episodes:
        origin = episode.extra.get(ORIGIN)
        if isinstance(origin, dict) and origin.get("moved") is True:
            there[str(origin.get("uuid"))] = episode.length
        there[str(episode.uuid)] = episode.length
    for each in chosen:
        if each.uuid and there.get(each.uuid, each.length) != each.length:
            raise EditError(
                f"{base.root.name} has episode {each.index} already, but of another length: delete it there, or copy "
                "the episode instead of moving it"
            )
    return [each for each in chosen if not (each.uuid and each.uuid in there)]
