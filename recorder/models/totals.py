"""Totals of episodes that the database itself keeps, so that no page reads every row of a dataset to count it.

Triggers write down each change of an episode that changes a total, in the transaction that makes it, whoever makes it:
one more of one kind, one less of another. They only add rows, so that transactions never wait for each other. The sweep
adds such rows up (`fold_totals`); a total is the sum of its rows before and after that.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import connections, models, transaction
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce

from recorder.models.episode import Episode
from recorder.models.groups import IS_PURGED, Group
from recorder.models.total_triggers import EPISODES, TOTALS, create_triggers, drop_triggers, has_triggers

log = logging.getLogger(__name__)
KIND = ("dataset_id", "state", "verdict", "is_purged", "task", "fps")
_MOST_AT_ONCE = 5_000


class EpisodeTotal(models.Model):
    """How many `episodes` of one kind there are more (or fewer, if negative), and how many `ticks` after the trim.

    Only the sum over all rows of a kind means something. Written by triggers and `fold_totals` alone.
    """

    dataset_id = models.BigIntegerField()  # no foreign key: the rows of a deleted dataset add up to nothing
    state = models.CharField(max_length=12)
    verdict = models.CharField(max_length=12)
    is_purged = models.BooleanField()
    task = models.CharField(max_length=2000)
    fps = models.FloatField()
    episodes = models.BigIntegerField()
    ticks = models.BigIntegerField()
    is_folded = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["dataset_id", "state", "verdict"], name="totals_of_dataset"),
            models.Index(fields=["id"], condition=Q(is_folded=False), name="totals_to_fold"),
        ]

    def __str__(self) -> str:
        return f"{self.episodes:+} {self.state} {self.verdict} of dataset {self.dataset_id}"


def kept_groups(*fields: str, **where: Any) -> list[Group]:
    """Return what `groups_of` returns for all episodes with these fields, from the kept totals; one query.

    `fields` and `where` may name `dataset_id`, `task` and `fps`.
    """
    names = ("state", "verdict", "is_purged", *fields)
    rows = EpisodeTotal.objects.filter(**where).order_by().values(*names, "fps")
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows.annotate(n=Sum("episodes"), length=Sum("ticks")).filter(~Q(n=0)):
        key = tuple(row[name] for name in names)
        group = groups.setdefault(key, {**{name: row[name] for name in names}, "n": 0, "seconds": 0.0})
        group["n"] += row["n"]
        group["seconds"] += row["length"] / row["fps"] if row["fps"] else 0.0
        group["purged_at"] = row["is_purged"] or None
    return list(groups.values())


def fold_totals(least: int = 200) -> int:
    """Add up the rows that triggers have written, if there are `least` or more; return how many that were.

    Others may write and fold meanwhile: each row is added up once.
    """
    new = EpisodeTotal.objects.filter(is_folded=False)
    if new[:least].count() < least:
        return 0
    with transaction.atomic():
        rows = list(new.select_for_update(skip_locked=True).order_by("pk")[:_MOST_AT_ONCE])
        sums: dict[tuple[Any, ...], list[int]] = {}
        for row in rows:
            total = sums.setdefault(tuple(getattr(row, name) for name in KIND), [0, 0])
            total[0] += row.episodes
            total[1] += row.ticks
        for kind, (episodes, ticks) in sorted(sums.items()):
            if episodes or ticks:
                _add(dict(zip(KIND, kind, strict=True)), episodes, ticks)
        pks = [row.pk for row in rows]
        for start in range(0, len(pks), 500):
            EpisodeTotal.objects.filter(pk__in=pks[start : start + 500]).delete()
        EpisodeTotal.objects.filter(is_folded=True, episodes=0, ticks=0).delete()
    return len(rows)


def _add(kind: dict[str, Any], episodes: int, ticks: int) -> None:
    folded = EpisodeTotal.objects.filter(**kind, is_folded=True).order_by("pk").values("pk")[:1]
    values = {"episodes": F("episodes") + episodes, "ticks": F("ticks") + ticks}
    if not EpisodeTotal.objects.filter(pk__in=list(folded.values_list("pk", flat=True))).update(**values):
        EpisodeTotal.objects.create(**kind, episodes=episodes, ticks=ticks, is_folded=True)


def forget_triggers(plan: list[tuple[Any, bool]], using: str = "default", **_: Any) -> None:
    """Drop the triggers before a migration of these tables: SQLite changes none that a trigger names. Forth or back."""
    if any(migration.app_label == "recorder" for migration, _backwards in plan):
        drop_triggers(connections[using])


def ensure_totals(using: str = "default", **_: Any) -> None:
    """Create the triggers where they are missing, and count again if the totals are not those of the episodes.

    Called after each migration, because SQLite replaces a table to change it, and forgets its triggers.
    """
    connection = connections[using]
    tables = connection.introspection.table_names()
    if not {EPISODES, TOTALS} <= set(tables):
        return
    with transaction.atomic(using=using):
        has_all = has_triggers(connection)
        if has_all and _kept(using) == _counted(using):
            return
        if has_all:
            log.warning("the totals of episodes were wrong: counting again")
        create_triggers(connection)  # nobody else writes episodes from here to the end of the transaction
        EpisodeTotal.objects.using(using).all().delete()
        EpisodeTotal.objects.using(using).bulk_create(
            (
                EpisodeTotal(**dict(zip(KIND, kind, strict=True)), episodes=episodes, ticks=ticks, is_folded=True)
                for kind, (episodes, ticks) in _counted(using).items()
            ),
            batch_size=500,
        )


def _kept(using: str) -> dict[tuple[Any, ...], tuple[int, int]]:
    """Return episodes and ticks by KIND, as the totals say."""
    rows = EpisodeTotal.objects.using(using).order_by().values_list(*KIND)
    summed = rows.annotate(n=Sum("episodes"), length=Sum("ticks"))
    return {kind: (n, ticks) for *values, n, ticks in summed if (kind := tuple(values)) and (n or ticks)}


def _counted(using: str) -> dict[tuple[Any, ...], tuple[int, int]]:
    """Return episodes and ticks by KIND, as the episodes say."""
    ticks = Coalesce(F("trim_end"), F("ticks")) - Coalesce(F("trim_first"), 0)
    rows: Any = Episode.objects.using(using).order_by().annotate(purged=IS_PURGED)
    summed = rows.values_list(*("purged" if name == "is_purged" else name for name in KIND)).annotate(
        n=Count("pk"), length=Sum(ticks)
    )
    return {_as_kind(values): (n, length) for *values, n, length in summed}


def _as_kind(values: list[Any]) -> tuple[Any, ...]:
    return tuple(bool(value) if name == "is_purged" else value for name, value in zip(KIND, values, strict=True))
