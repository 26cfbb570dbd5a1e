"""Subtasks and remarks of stored episodes: what a change of them writes into the data files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from robotdata.dataset.errors import EditError
from robotdata.dataset.language import LANGUAGE_COLUMNS, column_type, with_language
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.feature_change import FeatureChange
from robotdata.spool.language import Language, LanguageError


def check_language(base: DatasetFolder, change: FeatureChange) -> None:
    """Raise EditError if the language of an episode cannot be changed like that."""
    for index in languages_of(base, change):
        if odd := base.language(index).odd:
            raise EditError(f"{base.episode(index).name} of {base.root.name}: {odd}")


def languages_of(base: DatasetFolder, change: FeatureChange) -> dict[int, Language]:
    """Return the new language of each changed episode, by its number. Raises EditError."""
    found: dict[int, Language] = {}
    for number, value in (change.language or {}).items():
        if not str(number).isdecimal() or int(number) >= len(base.episodes):
            raise EditError(f"{base.root.name} has no episode {str(number)!r:.40}; it has {len(base.episodes)}")
        try:
            found[int(number)] = Language.parse(value, base.episode(int(number)).length)
        except LanguageError as error:
            raise EditError(f"{base.episode(int(number)).name} of {base.root.name}: {error}") from error
    return found


class LanguageChange:
    """The columns of language in data files that are written again; without a change of them nothing is made."""

    def __init__(self, base: DatasetFolder, change: FeatureChange) -> None:
        self._base, self._active = base, change.language is not None
        self._only = self._active and not (change.add or change.remove or change.rename)
        self._new = languages_of(base, change)
        self._files = {base.episode(index).data_file for index in self._new}

    def skips(self, path: Path, schema: pa.Schema) -> bool:
        """Return whether a file stays as it is, because it has the columns and none of the changed episodes."""
        return self._only and path not in self._files and set(LANGUAGE_COLUMNS) <= set(schema.names)

    def fields(self, schema: pa.Schema) -> dict[str, Any]:
        """Return the columns that a file lacks."""
        missing = [name for name in LANGUAGE_COLUMNS if self._active and name not in schema.names]
        return {name: pa.field(name, column_type(name)[0]) for name in missing}

    def columns(self, table: pa.Table, episode: int) -> dict[str, Any]:
        """Return both columns for the rows of an episode; nothing without a change of language."""
        return with_language(table, self._new.get(episode), float(self._base.fps)) if self._active else {}
