"""Remarks about a folder that is readable but has defects, for the dataset's page and the terminal."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from pathlib import Path

from recorder.catalog.datasets_on_disk import lacks_of
from recorder.jobs.revisions import notes_of
from recorder.models import Dataset
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.oddities import oddities
from robotdata.dataset.reader import DatasetFolder, Identity, identity_of

log = logging.getLogger(__name__)
_MOST_KEPT = 32
_kept: OrderedDict[tuple[Path, Identity], list[str]] = OrderedDict()
_lock = threading.Lock()


def remarks_of(dataset: Dataset) -> list[str]:
    """Return sentences about incomplete episodes, inconsistencies, and notes of the last change, with counts.

    Empty if there are none, or if the folder cannot be read, which `problem` reports.
    """
    try:
        opened = DatasetFolder.open(dataset.path)
        return [*_lacks(dataset, opened), *_oddities(opened), *map(_sentence, notes_of(opened.sidecar))]
    except (DatasetError, OSError) as error:
        log.info("Cannot check %s for remarks: %s", dataset, error)
        return []


def _lacks(dataset: Dataset, opened: DatasetFolder) -> list[str]:
    return [_sentence(words) for words in lacks_of(dataset, opened) if words]


def _oddities(opened: DatasetFolder) -> list[str]:
    """Return the folder's inconsistencies, cached per revision, because they need every data file."""
    key = opened.root, identity_of(opened.root)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    found = oddities(opened)
    with _lock:
        _kept[key] = found
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return found


def _sentence(words: str) -> str:
    capital = words.split(" ", 1)[0].isalpha()  # not the name of a file or a column
    return (words[:1].upper() if capital else words[:1]) + words[1:] + ("" if words.endswith(".") else ".")
