"""The trash: rejected takes until it is emptied; only then are files deleted."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import TypedDict

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from recorder.actor import Actor
from recorder.catalog.datasets_on_disk import save_settings
from recorder.catalog.take_files import remove_staging, set_aside, size_of
from recorder.errors import Refused
from recorder.models import Episode
from recorder.models.permissions import Action, require
from recorder.models.states import EpisodeState, Verdict
from recorder.models.versions import next_version
from recorder.review.change import conflict
from recorder.review.verdicts import set_verdict
from robotdata.numbers import count as count_of
from robotdata.spool.errors import TakeBusy

_ENDED_STATES = (EpisodeState.RECORDED, EpisodeState.INTERRUPTED, EpisodeState.FAILED)


class TrashSummary(TypedDict):
    """The number of episodes in the trash, and the bytes that emptying it frees."""

    episodes: int
    bytes: int


def trash_summary() -> TrashSummary:
    """Return the totals of the whole trash, from the rows."""
    trash = Episode.objects.trashed()
    return {"episodes": trash.count(), "bytes": trash.aggregate(total=Sum("size_bytes"))["total"] or 0}


def restore(*, episodes: Sequence[Episode], actor: Actor) -> uuid.UUID:
    """Move episodes from the trash back to the unreviewed takes; return the undo group.

    Raise Refused for one that was deleted permanently, or that somebody else has reviewed meanwhile.
    """
    for episode in episodes:
        if episode.purged_at is None and episode.verdict not in (Verdict.REJECT, Verdict.UNREVIEWED):
            raise conflict(episode)
    versions = {episode.pk: episode.updated_at for episode in episodes}
    return set_verdict(episodes=episodes, verdict=Verdict.UNREVIEWED, actor=actor, versions=versions)


def empty_trash(
    *,
    episodes: Sequence[Episode] | None = None,
    older_than: timedelta | None = None,
    most: int | None = None,
    actor: Actor,
) -> int:
    """Delete the files of `episodes`, of all takes in the trash, or of those rejected earlier; return the bytes freed.

    An episode that is restored at the same moment is kept completely. Raise Refused if one of `episodes` is not in the
    trash, if the trash holds more than `most`, and if the disk refuses; files deleted before that stay deleted.
    """
    require(actor, Action.DELETE, *(episodes or ()))
    trash = Episode.objects.trashed().filter(state__in=_ENDED_STATES).select_related("dataset")
    if episodes is not None:
        trash = trash.filter(pk__in=[episode.pk for episode in episodes])
        if missing := {episode.pk for episode in episodes} - set(trash.values_list("pk", flat=True)):
            raise Refused(
                "not_in_trash", f"{len(missing)} of these are not in the trash: nothing was deleted. Reload the page."
            )
    if older_than is not None:
        rejected = Coalesce("reviewed_at", "updated_at")  # a folder from another installation may not record when
        trash = trash.alias(rejected=rejected).filter(rejected__lte=timezone.now() - older_than)
    if most is not None and (count := trash.count()) > most:
        raise Refused(
            "more_in_trash",
            f"The trash holds {count_of(count, 'take')} now, not {most}: nothing was deleted. Reload the page.",
        )
    require(actor, Action.DELETE, *trash)
    freed, datasets = 0, {}  # whose settings may be changed while the files are deleted
    try:
        for episode in trash:
            datasets[episode.dataset_id] = episode.dataset
            try:
                freed += _purge(episode, actor)
            except OSError as error:
                raise Refused(
                    "not_deleted", f"{episode} cannot be deleted from {episode.take_path}: {error}.", 503
                ) from error
    finally:
        for dataset in datasets.values():  # the folders no longer tell which numbers were given
            save_settings(dataset)
    return freed


def _purge(episode: Episode, actor: Actor) -> int:
    with transaction.atomic():
        # Held first: the condition names the dataset, so the UPDATE has a subquery. After a wait for a restore that
        # holds the row, PostgreSQL does not evaluate a subquery again, and would delete what was restored.
        list(Episode.objects.select_for_update(no_key=True).filter(pk=episode.pk).values_list("pk"))
        row = Episode.objects.trashed().filter(pk=episode.pk, state__in=_ENDED_STATES)
        if not row.update(purged_at=timezone.now(), reviewer=actor.name, updated_at=next_version()):
            return 0
        try:
            aside = set_aside(episode.take_path)
        except TakeBusy as error:
            raise Refused("busy", f"{episode} is being written just now: try again in a moment.", 503) from error
    freed = remove_staging(episode.pk)
    if aside is not None:
        freed += size_of(aside)
        shutil.rmtree(aside)
    return freed
