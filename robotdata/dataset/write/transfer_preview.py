"""What a copy, split or merge would do, before it is done: counts, sizes and what differs. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import Difference, EditError
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.fit import Names, compare


@dataclass(frozen=True, slots=True)
class Preview:
    """What episodes would bring.

    `seconds`: their length together. `size_bytes`: what their rows and frames take now, about. `differing`: per
    dataset, why its episodes do not fit; nothing is done while there is one. `notes`: per dataset, what differs and
    does not matter. `new_tasks`: texts that the destination does not have. A difference's `rig` is the episodes' value.
    """

    episodes: int
    frames: int
    seconds: float
    size_bytes: int
    differing: list[tuple[str, Difference]] = field(default_factory=list)
    notes: list[tuple[str, Difference]] = field(default_factory=list)
    new_tasks: list[str] = field(default_factory=list)


def preview_copy(
    source: DatasetFolder, indices: Iterable[int], dest: DatasetFolder | None = None, names: Names | None = None
) -> Preview:
    """Return what copying episodes to `dest` would do; `dest` is None for a new dataset. Raises NoSuchEpisode."""
    chosen = [source.episode(index) for index in indices]
    pairs = [] if dest is None or not dest.episodes else [(source, dest)]
    tasks = [text for episode in chosen for text in episode.tasks]
    mapped = [(names or Names()).tasks.get(text, text) for text in tasks]
    return _preview([(source, chosen)], pairs, names or Names(), mapped, dest)


def preview_merge(datasets: Sequence[DatasetFolder], names: Names | None = None) -> Preview:
    """Return what merging whole datasets would do. Raises EditError if there are fewer than two."""
    if len(datasets) < 2:
        raise EditError("merging needs two or more different datasets")
    first, *others = datasets
    chosen = [(dataset, list(dataset.episodes)) for dataset in datasets]
    return _preview(chosen, [(other, first) for other in others], names or Names(), [], None)


def emptied_note(name: str, total: int, moved: int) -> str:
    """Return what becomes of a dataset if `moved` of its episodes are moved away; empty if some stay."""
    if moved < total:
        return ""
    return (
        f"{name} then has no episode. It keeps its features, settings and revisions, and can be recorded "
        "into; LeRobot loads it again when it has an episode. If it is only to have another name, rename it instead"
    )


def size_of_episodes(dataset: DatasetFolder, chosen: Sequence[EpisodeInfo]) -> int:
    """Return about how many bytes the rows and frames of these episodes take: their share of each file."""
    wanted = {episode.index for episode in chosen}
    own: dict[Path, int] = {}
    every: dict[Path, int] = {}
    for episode in dataset.episodes:
        paths = [*([episode.data_file] if episode.data_file else []), *(s.path for s in episode.videos.values())]
        for path in paths:
            every[path] = every.get(path, 0) + episode.length
            if episode.index in wanted:
                own[path] = own.get(path, 0) + episode.length
    return sum(round(path.stat().st_size * n / max(1, every[path])) for path, n in own.items() if path.is_file())


def _preview(
    chosen: Sequence[tuple[DatasetFolder, Sequence[EpisodeInfo]]],
    pairs: Sequence[tuple[DatasetFolder, DatasetFolder]],
    names: Names,
    tasks: Sequence[str],
    dest: DatasetFolder | None,
) -> Preview:
    differing: list[tuple[str, Difference]] = []
    notes: list[tuple[str, Difference]] = []
    for theirs, ours in pairs:
        compared = compare(theirs, ours, names)
        differing += [(theirs.root.name, each) for each in compared.differing]
        notes += [(theirs.root.name, each) for each in compared.notes]
    known = set(dest.tasks) if dest else set(tasks)
    return Preview(
        episodes=sum(len(episodes) for _, episodes in chosen),
        frames=sum(episode.length for _, episodes in chosen for episode in episodes),
        seconds=sum(episode.length / float(dataset.fps) for dataset, episodes in chosen for episode in episodes),
        size_bytes=sum(size_of_episodes(dataset, episodes) for dataset, episodes in chosen),
        differing=differing,
        notes=notes,
        new_tasks=[text for text in dict.fromkeys(tasks) if text not in known],
    )
