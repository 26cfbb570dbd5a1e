"""Whether a dataset has its videos somewhere else: downloaded without them, its rows are whole and nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path

from robotdata.dataset.reader import DatasetFolder


def never_had_videos(dataset: DatasetFolder) -> bool:
    """Return whether all videos of this dataset are missing, and nothing else, and none was ever there.

    One that this program has written had them. So had a folder with a single file under `videos`, be it empty or a
    Git LFS pointer, or with an empty folder in which videos would lie: who downloads without videos gets none of these.
    """
    if dataset.revision or dataset.problems or not dataset.episodes or not dataset.video_keys:
        return False
    paths: set[Path] = set()
    for episode in dataset.episodes:
        theirs = {span.path for span in episode.videos.values()}
        other = [words for words in episode.problems if not words.startswith(tuple(f"{path} " for path in theirs))]
        if other or len(episode.videos) < len(dataset.video_keys):
            return False
        paths |= theirs
    root = dataset.root.resolve()
    return not any(os.path.lexists(path.parent) for path in paths) and not _files_below(root, paths)


def _files_below(root: Path, paths: set[Path]) -> bool:
    tops = {root / path.relative_to(root).parts[0] for path in paths if path.is_relative_to(root)}
    return any(names for top in tops for _, _, names in os.walk(top))
