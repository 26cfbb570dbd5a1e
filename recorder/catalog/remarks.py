"""Remarks about a folder that is readable but has defects, for the dataset's page and the terminal."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from pathlib import Path

from recorder.catalog.datasets_on_disk import missing_files_messages
from recorder.jobs.revisions import notes_of
from recorder.models import Dataset
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.oddities import oddities
from robotdata.dataset.reader import DatasetFolder, Identity, identity_of

log = logging.getLogger(__name__)
_MAX_CACHED = 32
_cache: OrderedDict[tuple[Path, Identity], list[str]] = OrderedDict()
_lock = threading.Lock()


def remarks_of(dataset: Dataset) -> list[str]:
    """Return sentences about incomplete episodes, inconsistencies, and notes of the last change, with counts.

    Empty if there are none, or if the folder cannot be read, which `problem` reports.
    """
    try:
        opened = DatasetFolder.open(dataset.path)
        return [*_missing_files(dataset, opened), *_oddities(opened), *map(_sentence, notes_of(opened.sidecar))]
    except (DatasetError, OSError) as error:
        log.info("Cannot check %s for remarks: %s", dataset, error)
        return []


def _missing_files(dataset: Dataset, opened: DatasetFolder) -> list[str]:
    return [_sentence(text) for text in missing_files_messages(dataset, opened) if text]


def _oddities(opened: DatasetFolder) -> list[str]:
    """Return the folder's inconsistencies, cached per revision, because they need every data file."""
    key = opened.root, identity_of(opened.root)
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
    remarks = oddities(opened)
    with _lock:
        _cache[key] = remarks
        while len(_cache) > _MAX_CACHED:
            _cache.popitem(last=False)
    return remarks


def _sentence(text: str) -> str:
    starts_with_word = text.split(" ", 1)[0].isalpha()  # not the name of a file or a column
    return (text[:1].upper() if starts_with_word else text[:1]) + text[1:] + ("" if text.endswith(".") else ".")
