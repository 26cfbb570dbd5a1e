"""Copy the files of a dataset that belong to no episode: README.md, licences, meta/modality.json."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from robotdata.dataset.convert.old_meta import EPISODES, EPISODES_STATS, OLD_TASKS
from robotdata.dataset.layout import INFO, SIDECAR, STATS, TASKS, contained
from robotdata.files.sync import sync_path

_OWN = {INFO, STATS, TASKS, SIDECAR, EPISODES, OLD_TASKS, EPISODES_STATS}
_NOT_COPIED = ("data/", "videos/", "video/", "images/", "meta/episodes/")


def copy_rest(root: Path, names: Iterable[str], target: Path) -> None:
    """Copy the files `names`, relative to `root`, to `target`, durably; not those that a conversion writes itself.

    Raises UnsafePath for a link that leads out of the dataset.
    """
    for relative in names:
        path = target / relative
        if relative in _OWN or relative.startswith(_NOT_COPIED) or path.exists():
            continue
        source = contained(root, relative)
        if source.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)
            sync_path(path)
