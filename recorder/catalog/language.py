"""The subtasks and remarks of takes and episodes: where they are read, set, and suggested from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from recorder.actor import Actor
from recorder.catalog.feature_changes import start_change
from recorder.catalog.sidecars import committed_id
from recorder.catalog.transfers import checked, open_folder
from recorder.errors import Refused
from recorder.models import Dataset, Episode, Operation
from robotdata.dataset.errors import DatasetError, EditError
from robotdata.dataset.language import Spoken
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.feature_change import FeatureChange
from robotdata.spool.language import Language, LanguageError

MOST_SUGGESTED = 100
_TAKES, _EPISODES = 500, 50
"""The newest takes and episodes whose subtasks are suggested."""


def language_of(episode: Episode) -> Spoken:
    """Return what is said of the episode. Raise Refused if its rows cannot be read."""
    if episode.is_committed:
        opened = open_folder(episode.dataset)
        return checked(lambda: opened.language(episode.episode_index or 0))
    try:
        return Spoken(Language.parse(episode.language, episode.ticks))
    except LanguageError as error:
        return Spoken(odd=f"What is said of this take does not fit it: {error}.")


def suggested(dataset: Dataset) -> list[str]:
    """Return the subtasks of the dataset's newest takes and episodes, the most frequent first."""
    counts = Counter(_of_takes(dataset))
    try:
        opened: DatasetFolder | None = open_folder(dataset)
    except Refused:
        opened = None
    counts.update(_of_episodes(opened) if opened else ())
    return [text for text, _ in counts.most_common(MOST_SUGGESTED)]


def language_version(episode: Episode, spoken: Spoken) -> str:
    """Return what a change passes back, so that it replaces only what its author saw."""
    return _digest(spoken) if episode.is_committed else episode.updated_at.isoformat()


def start_language(*, episode: Episode, language: Language, actor: Actor, version: str | None = None) -> Operation:
    """Start to set what is said of a committed episode, as one revision.

    Raise Refused as `start_change` does, and if it has changed since `version`.
    """
    if version is not None and version != _digest(language_of(episode)):
        message = f"The subtasks or remarks of {episode} were changed after you looked. Reload, then set yours."
        raise Refused("conflict", message)
    change = FeatureChange(language={str(episode.episode_index): language.as_json()})
    spoken_of = {"id": str(episode.pk), "length": episode.ticks, "version": version}
    return start_change(dataset=episode.dataset, change=change, actor=actor, spoken_of=spoken_of)


def change_now(operation: Operation) -> FeatureChange:
    """Return the change in an operation's arguments, for the episodes as they are numbered now.

    Episodes may have gone since it was asked for. Call it while holding `dataset_lock`. Raises EditError if the episode
    whose language it sets is no longer there as it was.
    """
    change, spoken_of = FeatureChange.from_json(operation.arguments["change"]), operation.arguments.get("spoken_of")
    if not change.language:
        return change
    dataset = operation.dataset
    title = f"{dataset.title} was changed since these subtasks were set"
    if not isinstance(spoken_of, dict):
        raise EditError(f"{title}: set them again on the episode's page")
    opened = DatasetFolder.open(dataset.path)
    found = [each for each in opened.episodes if str(committed_id(dataset, each)) == spoken_of["id"]]
    if not found or found[0].length != spoken_of["length"]:
        raise EditError(f"{title}: their episode was removed or cut. Set them again on its page, if it is still there")
    version = spoken_of.get("version")
    if version is not None and version != _digest(opened.language(found[0].index)):
        raise EditError(f"{title}, and its episode has others by now. Check them, then set yours again")
    [language] = change.language.values()
    return replace(change, language={str(found[0].index): language})


def _digest(spoken: Spoken) -> str:
    return hashlib.sha256(repr(spoken).encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _of_takes(dataset: Dataset) -> Iterator[str]:
    rows = dataset.episodes.takes().exclude(language=None).newest_first()[:_TAKES]
    for value in rows.values_list("language", flat=True):
        for item in value.get("subtasks", []) if isinstance(value, dict) else []:
            if isinstance(item, dict) and isinstance(item.get("text"), str):
                yield item["text"]


def _of_episodes(opened: DatasetFolder) -> Iterator[str]:
    for episode in opened.episodes[-_EPISODES:]:
        try:
            yield from (each.text for each in opened.language(episode.index).language.subtasks)
        except DatasetError:
            continue
