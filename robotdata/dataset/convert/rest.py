"""Copy the files of a dataset that belong to no episode: README.md, licences, meta/modality.json."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from robotdata.dataset.convert.old_meta import EPISODES, EPISODES_STATS, OLD_TASKS
from robotdata.dataset.layout import INFO, SIDECAR, STATS, TASKS, contained
from robotdata.files.sync import sync_path
from robotdata.files.trees import link_or_copy

_OWN = {INFO, STATS, TASKS, SIDECAR, EPISODES, OLD_TASKS, EPISODES_STATS}
_NOT_COPIED = ("data/", "videos/", "video/", "images/", "meta/episodes/")


def copy_rest(root: Path, names: Iterable[str], target: Path, *, link_from: int | None = None) -> None:
    """Copy the files `names`, relative to `root`, to `target`, durably; not those that a conversion writes itself.

    Those of `link_from` bytes or more become hard links, where the file system has them. Raises UnsafePath for a link
    that leads out of the dataset.
    """
    for relative, source in rest_files(root, names):
        path = target / relative
        if path.exists():
            continue
        if link_from is not None and source.stat().st_size >= link_from:
            link_or_copy(source, path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
        sync_path(path)


def rest_files(root: Path, names: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Yield those of `names` that `copy_rest` copies, and their resolved paths. Raises UnsafePath as it does."""
    for relative in names:
        if relative not in _OWN and not relative.startswith(_NOT_COPIED):
            source = contained(root, relative)
            if source.is_file():
                yield relative, source
