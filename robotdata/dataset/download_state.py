"""Detect a dataset that was downloaded without its videos. Its rows are complete, and nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path

from robotdata.dataset.reader import DatasetFolder


def never_had_videos(dataset: DatasetFolder) -> bool:
    """Return whether all videos of this dataset are missing, nothing else is, and no video was ever in the folder.

    A dataset that robotdata has written had its videos. So had a folder with any file under `videos` (even empty or a
    Git LFS pointer) or with an empty folder for videos, which a download without videos does not create.
    """
    if dataset.revision or dataset.problems or not dataset.episodes or not dataset.video_keys:
        return False
    paths: set[Path] = set()
    for episode in dataset.episodes:
        own_paths = {span.path for span in episode.videos.values()}
        of_videos = tuple(f"{path} " for path in own_paths)
        other_problems = [problem for problem in episode.problems if not problem.startswith(of_videos)]
        if other_problems or len(episode.videos) < len(dataset.video_keys):
            return False
        paths |= own_paths
    root = dataset.root.resolve()
    return not any(os.path.lexists(path.parent) for path in paths) and not _files_below(root, paths)


def _files_below(root: Path, paths: set[Path]) -> bool:
    """Return whether any file exists in the top folders of `paths`."""
    tops = {root / path.relative_to(root).parts[0] for path in paths if path.is_relative_to(root)}
    return any(names for top in tops for _, _, names in os.walk(top))
