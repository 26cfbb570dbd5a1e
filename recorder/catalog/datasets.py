"""Create datasets under any title, and change their settings."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from recorder.actor import Actor
from recorder.catalog.dataset_moves import places
from recorder.catalog.datasets_on_disk import adopt_folder as adopt_folder
from recorder.catalog.datasets_on_disk import refresh_dataset as refresh_dataset
from recorder.catalog.datasets_on_disk import save_settings
from recorder.catalog.reserved_names import is_reserved, refuse_reserved
from recorder.errors import Refused
from recorder.jobs.encode_settings import encode_settings
from recorder.jobs.encoding import apply_policy, hold_present
from recorder.jobs.notify import wake_workers
from recorder.models import Dataset
from recorder.models.permissions import Action, require
from recorder.quality.assess import REJUDGE_AFTER
from recorder.quality.thresholds import check_thresholds
from robotdata.numbers import count

SETTINGS = ("title", "policy", "every", "encode_unreviewed", "goal", "encoding", "thresholds")
_SLUG_LENGTH = 80


def create_dataset(*, title: str, actor: Actor, **settings: Any) -> Dataset:
    """Create a dataset. Its folder name is derived from the title; the folder is created by the first commit.

    Raise Refused for a title that is empty or in use, and for an invalid setting.
    """
    require(actor, Action.CREATE_DATASET)
    dataset = Dataset(title=_clean_title(title))
    _set_fields(dataset, settings)
    refuse_reserved(dataset.title)
    for number in range(1, 1000):
        if existing := _find_by_title(dataset.title):
            raise Refused(
                "exists",
                f"Dataset {existing.title!r} exists already ({count(existing.total_episodes, 'episode')}, "
                f"made {existing.created_at:%Y-%m-%d %H:%M} UTC): record into it, or choose another title.",
                detail={"slug": existing.slug},
            )
        dataset.slug = _slug(dataset.title, number)
        if _in_use(dataset.slug):
            continue
        try:
            with transaction.atomic():
                dataset.save(force_insert=True)
        except IntegrityError:  # another request was first: try the next name
            continue
        save_settings(dataset)
        return dataset
    raise Refused("exists", f"Too many datasets are named like {title!r}: choose another title.")


def free_slug(title: str, taken: Collection[str] = ()) -> tuple[str, str]:
    """Return a clean title and a free folder name for a dataset that a worker will make; `taken` names are not free.

    Raise Refused for a title that is empty or in use.
    """
    clean = _clean_title(title)
    if existing := _find_by_title(clean):
        raise Refused("exists", f"Dataset {existing.title!r} exists already: choose another title.", 409)
    refuse_reserved(clean)
    for number in range(1, 1000):
        slug = _slug(clean, number)
        if slug not in taken and not _in_use(slug):
            return clean, slug
    raise Refused("exists", f"Too many datasets are named like {title!r}: choose another title.")


def renamed_slug(dataset: Dataset, title: str) -> str:
    """Return the folder name that the dataset gets with this title; its own if that fits.

    Raise Refused for a title that is empty or that another dataset has.
    """
    clean = _clean_title(title)
    if _find_by_title(clean, excluded=dataset):
        raise Refused("exists", f"Another dataset is already called {clean!r}: choose another title.")
    names = [_slug(clean, number) for number in range(1, 1000)]
    return next(name for name in names if name == dataset.slug or _is_free(name))


def free_names(slug: str, title: str) -> tuple[str, str]:
    """Return a free folder name and title, as near as possible to those that a dataset in the trash had."""
    slugs = (slug if number == 1 else f"{slug[:_SLUG_LENGTH]}-{number}" for number in range(1, 10_000))
    titles = (title if number == 1 else f"{title[:180]} ({number})" for number in range(1, 10_000))
    return next(filter(_is_free, slugs)), next(each for each in titles if not _find_by_title(each))


def change_dataset(*, dataset: Dataset, actor: Actor, **settings: Any) -> None:
    """Set title, policy, every, encode_unreviewed, goal, encoding or thresholds; encoded episodes are not changed.

    `encoding` holds the keys to change; the others stay as they are in the row now, which may be newer than `dataset`.

    Raise Refused for an invalid value or a dataset in the trash, TypeError for an unknown setting.
    """
    require(actor, Action.CONFIGURE_DATASET, dataset)
    with transaction.atomic():
        hold_present(dataset)
        dataset.refresh_from_db(fields=SETTINGS)  # so that of two changes at once none undoes the other
        thresholds_changed = _change_settings(dataset, settings)
    save_settings(dataset)
    apply_policy(dataset=dataset)
    if thresholds_changed:
        wake_workers("judge_dataset", dataset.pk)


def _change_settings(dataset: Dataset, settings: dict[str, Any]) -> bool:
    """Write the settings into the row; return whether the thresholds are others now."""
    if "title" in settings:
        settings["title"] = _clean_title(settings["title"])
        if _find_by_title(settings["title"], excluded=dataset):
            raise Refused("exists", f"Another dataset is already called {settings['title']!r}: choose another title.")
        refuse_reserved(settings["title"])
    thresholds_before = dataset.thresholds
    _set_fields(dataset, settings)
    dataset.updated_at = timezone.now()
    thresholds_changed = dataset.thresholds != thresholds_before
    if thresholds_changed:
        dataset.judge_by = dataset.updated_at + REJUDGE_AFTER
    dataset.save(update_fields=[*settings, *(["judge_by"] if thresholds_changed else []), "updated_at"])
    return bool(thresholds_changed)


def _set_fields(dataset: Dataset, settings: dict[str, Any]) -> None:
    if unknown := settings.keys() - set(SETTINGS):
        raise TypeError(f"a dataset has no setting {', '.join(sorted(unknown))}")
    if "thresholds" in settings:
        settings["thresholds"] = check_thresholds(settings["thresholds"] or {})
    if "encoding" in settings:
        settings["encoding"] = dataset.encoding | settings["encoding"]
    for name, value in settings.items():
        setattr(dataset, name, value)
    if "encoding" in settings:
        encode_settings(dataset.encoding)
    try:
        dataset.clean_fields(exclude={"slug"})
    except ValidationError as error:
        problems = "; ".join(f"{name}: {' '.join(messages)}" for name, messages in error.message_dict.items())
        raise Refused("invalid", f"Invalid settings: {problems}", 422) from error


def _clean_title(title: str) -> str:
    normalized = unicodedata.normalize("NFC", title)
    cleaned = " ".join("".join(character if character.isprintable() else " " for character in normalized).split())[:200]
    if not cleaned:
        raise Refused("invalid", "A dataset needs a title.", 422)
    return cleaned


def _find_by_title(title: str, excluded: Dataset | None = None) -> Dataset | None:
    """Return the dataset with this title, ignoring case. Compared here, because SQLite folds only ASCII letters."""
    others = Dataset.objects.exclude(pk=excluded.pk) if excluded else Dataset.objects.all()
    for pk, other_title in others.values_list("pk", "title"):
        if unicodedata.normalize("NFC", other_title).casefold() == title.casefold():
            return Dataset.objects.filter(pk=pk).first()
    return None


def _slug(title: str, number: int) -> str:
    base = slugify(title)[:_SLUG_LENGTH].strip("-_") or "dataset"
    return base if number == 1 else f"{base}-{number}"


def _in_use(slug: str) -> bool:
    """Return whether a row has the slug, in any case as on some disks, an unknown folder, or a pending dataset."""
    folder = Path(django_settings.DATASETS_DIR) / slug
    has_row = Dataset.objects.filter(slug__iexact=slug).exists()
    return has_row or is_reserved(slug) or (folder.exists() and any(folder.iterdir()))


def _is_free(slug: str) -> bool:
    """Return whether a dataset with its revisions and settings can move to this name."""
    return not _in_use(slug) and not any(place.exists() for place in places(slug)[:-1])
