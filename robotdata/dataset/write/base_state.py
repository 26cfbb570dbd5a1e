"""Check what must be in order before a dataset is changed. Other problems do not prevent an edit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from robotdata.dataset.annotations import Edit
from robotdata.dataset.episode_list import file_problem
from robotdata.dataset.errors import EditError
from robotdata.dataset.layout import cached_blobs
from robotdata.dataset.reader import DatasetFolder
from robotdata.numbers import count


def refuse_cached(root: Path) -> None:
    """Raise EditError for a snapshot in the Hub's cache, whose files are links shared with other programs."""
    if cached_blobs(root) is not None:
        raise EditError(
            f"{root} is in the cache of the Hugging Face Hub, which other programs share, so it cannot be changed: "
            f"copy it (cp -rL {root} COPY), then change the copy"
        )


def check_base(base: DatasetFolder) -> None:
    """Raise EditError if rewriting would lose the table of episodes or the annotations, or if numbers are ambiguous."""
    refuse_problems(base)
    numbers = [episode.index for episode in base.episodes]
    if numbers != list(range(len(numbers))):
        raise EditError(
            f"{base.root} cannot be changed: its episodes are not numbered 0 to {len(numbers) - 1} in the order of "
            "meta/episodes, so edits are ambiguous. Repair it first (`robotdata repair`)"
        )


def refuse_problems(base: DatasetFolder) -> None:
    """Raise EditError if rewriting would lose the table of episodes or the annotations."""
    for problem in base.problems:
        if problem not in base.task_problems:
            raise EditError(f"{base.root} cannot be changed: {problem}. Fix this, or revert to an earlier revision")


def check_videos(base: DatasetFolder, edit: Edit) -> None:
    """Raise EditError if the edit has to cut a video that is missing."""
    for key in base.video_keys:
        sharers: dict[Path, list[int]] = {}
        for episode in base.episodes:
            if key in episode.videos:
                sharers.setdefault(episode.videos[key].path, []).append(episode.index)
            elif episode.index in edit.trims and episode.index not in edit.delete:
                raise EditError(f"{base.root}: {episode.name} cannot be trimmed: {episode.problems[0]}")
        for path, numbers in sharers.items():
            deleted = edit.delete.intersection(numbers)
            cut = [n for n in numbers if n in edit.trims and n not in deleted] or (0 < len(deleted) < len(numbers))
            if cut and (fault := file_problem(path)):
                name = path.relative_to(base.root.resolve()).as_posix() if path.is_relative_to(base.root) else path
                raise EditError(
                    f"{base.root}: this edit has to cut {name}, which {fault}. It holds the frames of "
                    f"{_counted(numbers)} of camera {key}: download or copy it there, then try again"
                )


def _counted(numbers: Sequence[int]) -> str:
    return (
        f"episode {numbers[0]}"
        if len(numbers) == 1
        else f"{count(len(numbers), 'episode')} ({numbers[0]} to {numbers[-1]})"
    )
