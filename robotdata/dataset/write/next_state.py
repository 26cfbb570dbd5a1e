"""Read the next state back before it is put in place. It must be the old state with the edit, and nothing else.

Episode, row and task number of every row are compared, and changed files are verified completely. A problem that
existed before and is not worse does not prevent the edit; it becomes a note.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import CommitError
from robotdata.dataset.layout import INFO
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tasks import Numbers, integer_columns, is_one, keep_integers, rows_of
from robotdata.dataset.verify.check import verify_dataset
from robotdata.dataset.verify.report import MOST, Problem, Report
from robotdata.numbers import count as count_of

_NUMBER = re.compile(r"[-+]?(?:\d[\d.,]*(?:e[-+]?\d+)?|\bnan\b|\binf\b)")
_FIRST = "; first: "
"""Precedes the first of several similar problems that a report combines."""
_COLUMNS = ("episode_index", "index", "task_index")


@dataclass(frozen=True, slots=True)
class Tasks:
    """The task text of each row of an episode: `texts[code]` for each of `codes`, int64 (length,)."""

    texts: Sequence[str]
    codes: Numbers

    @classmethod
    def of(cls, dataset: DatasetFolder, numbers: Numbers) -> Tasks:
        """Create from rows with these task numbers; a number without a text stands for itself."""
        tasks = dataset.tasks
        if is_one(numbers):
            n = int(numbers[0])
            text = (tasks[n] if 0 <= n < len(tasks) else "") or f"(number {n})"
            return cls([text], np.zeros(len(numbers), np.int64))
        values, codes = np.unique(numbers, return_inverse=True)
        texts = [(tasks[n] if 0 <= n < len(tasks) else "") or f"(number {n})" for n in values.tolist()]
        return cls(texts, codes.reshape(-1))

    def unlike(self, other: Tasks) -> int:
        """Return how many rows have another text in `other`, or exist in only one of both."""
        if len(self.codes) != len(other.codes):
            return max(1, abs(len(self.codes) - len(other.codes)))
        if len(self.texts) == 1 == len(other.texts):
            return 0 if self.texts == other.texts else len(self.codes)
        pairs, counts = np.unique(np.stack([self.codes, other.codes]), axis=1, return_counts=True)
        same = [self.texts[own] == other.texts[others] for own, others in pairs.T.tolist()]
        return int(counts[~np.array(same, bool)].sum())


@dataclass(frozen=True, slots=True)
class Origin:
    """What an episode of the next state should be.

    `old`: the number of the episode it comes from; None for a new one, which `uuid` identifies. `tasks`: None if its
    rows could not be read before either.
    """

    old: int | None
    tasks: Tasks | None
    uuid: str = ""


def check_next(
    root: Path,
    base: DatasetFolder | None,
    origins: Sequence[Origin],
    changed: range,
    others: Sequence[tuple[Path, Collection[int]]] = (),
) -> list[str]:
    """Read back the state in `root`, made from `base`; the files of episodes `changed` are verified completely.

    `others`: the datasets of which episodes were copied, with their numbers there. Return notes on problems that `base`
    or these had and that remain. Raises CommitError for any other problem; its `reasons`
    name the new episodes that cause one.
    """
    now = DatasetFolder.open(root.resolve())
    read: dict[Path, dict[str, Numbers]] = {}

    def keep(path: Path, columns: Mapping[str, NDArray[Any]]) -> None:
        if (integers := keep_integers(path, columns, _COLUMNS)) is not None:
            read[path] = integers

    report = verify_dataset(root, episodes=changed, opened=now, read=keep)
    problems = _unlike(now, base, origins, read)
    known: list[Problem] = []
    if report.count:
        before = _Before.of(base, origins, changed).and_of(others)
        for problem in report.problems:
            (known if before.had(root, problem, origins) else problems).append(problem)
        if report.count > MOST and not problems and report.count > before.count:
            problems.append(
                Problem(INFO, None, None, f"there are {count_of(report.count, 'problem')}, more than before")
            )
    if problems:
        raise CommitError(
            f"the next state of the dataset failed verification and was discarded: {_first(problems)}",
            reasons=_reasons(root, problems, origins, changed),
        )
    return _notes(root, known)


def _unlike(
    now: DatasetFolder,
    base: DatasetFolder | None,
    origins: Sequence[Origin],
    read: Mapping[Path, Mapping[str, Numbers]],
) -> list[Problem]:
    """Return a problem for each row, changed or not, that differs from what the edit requested.

    `read`: the columns of files that were just read.
    """
    if [episode.index for episode in now.episodes] != list(range(len(origins))):
        text = f"has {count_of(len(now.episodes), 'episode')}, should have {len(origins)}, in order"
        return [Problem("meta/episodes", None, None, text)]
    problems: list[Problem] = []
    old_files = _inodes(base)
    files: dict[Path, list[EpisodeInfo]] = {}
    for episode in now.episodes:
        if episode.data_file is not None:
            files.setdefault(episode.data_file, []).append(episode)
        elif episode.length:
            problems.append(Problem("data", episode.index, None, "no file has its rows"))
    for path, episodes in files.items():
        same = path.is_file() and path.stat().st_ino in old_files
        if all(origins[episode.index].tasks is None for episode in episodes) and (same or not path.exists()):
            continue
        columns = read.get(path) or integer_columns(path, _COLUMNS)
        for episode, rows in rows_of(columns["episode_index"], episodes):
            own = {key: values[rows] for key, values in columns.items()}
            text = _unlike_episode(now, base if same else None, episode, origins[episode.index], own)
            if text:
                problems.append(Problem(path.relative_to(now.root.resolve()).as_posix(), episode.index, None, text))
    return problems + _lost_files(now, base, origins)


def _unlike_episode(
    now: DatasetFolder, base: DatasetFolder | None, episode: EpisodeInfo, origin: Origin, rows: Mapping[str, Numbers]
) -> str:
    """Return what is wrong with the rows of one episode; `base` if they are in one of its unchanged files."""
    if origin.tasks is not None and (count := origin.tasks.unlike(Tasks.of(now, rows["task_index"]))):
        return f"{count} of its {episode.length} rows would be lost or get another task"
    if base is None or origin.old is None:
        same = np.array_equal(rows["index"], np.arange(episode.length) + episode.from_index)
    else:
        same = base.episode(origin.old).from_index == episode.from_index and origin.old == episode.index
    return "" if same else f"its rows do not count from {episode.from_index}, or have another episode's number"


def _lost_files(now: DatasetFolder, base: DatasetFolder | None, origins: Sequence[Origin]) -> list[Problem]:
    """Return episodes that were complete and are not any more."""
    sound = {episode.index for episode in base.episodes if not episode.problems} if base else set()
    return [
        Problem("meta/episodes", episode.index, None, episode.problems[0])
        for episode in now.episodes
        if episode.problems and origins[episode.index].old in sound
    ]


def _inodes(base: DatasetFolder | None) -> set[int]:
    paths = {episode.data_file for episode in base.episodes} if base else set()
    return {path.stat().st_ino for path in paths if path is not None and path.is_file()}


@dataclass(frozen=True, slots=True)
class _Before:
    """The kinds of problems of the previous state: by episode, and those reported for several at once.

    `others`: those of the other datasets of which episodes are copied.
    """

    kinds: frozenset[tuple[int | None, str]] = frozenset()
    shared: frozenset[str] = frozenset()
    count: int = 0
    others: frozenset[str] = frozenset()

    @classmethod
    def of(cls, base: DatasetFolder | None, origins: Sequence[Origin], changed: range) -> _Before:
        """Create from the episodes that became `changed`, and from the dataset as a whole."""
        if base is None:
            return cls()
        old = [origin.old for origin in origins[changed.start : changed.stop] if origin.old is not None]
        report: Report = verify_dataset(base.root, episodes=range(min(old), max(old) + 1) if old else range(0))
        kinds = frozenset((problem.episode, kind_of(report.root, problem)) for problem in report.problems)
        shared = frozenset(kind_of(report.root, p) for p in report.problems if p.episode is None)
        return cls(kinds, shared, report.count)

    def and_of(self, others: Sequence[tuple[Path, Collection[int]]]) -> _Before:
        """Add the problems of episodes of other datasets."""
        found: set[str] = set()
        count = self.count
        for root, numbers in others:
            report = verify_dataset(root, episodes=range(min(numbers), max(numbers) + 1))
            found |= {kind_of(report.root, problem) for problem in report.problems}
            count += report.count
        return _Before(self.kinds, self.shared, count, frozenset(found))

    def had(self, root: Path, problem: Problem, origins: Sequence[Origin]) -> bool:
        """Return whether the episode had the same problem before, alone or with others; a new one had none."""
        kind = kind_of(root, problem)
        if problem.episode is None or problem.episode >= len(origins):
            return kind in self.shared | self.others or any(kind == other for _, other in self.kinds)
        old = origins[problem.episode].old
        return kind in self.others if old is None else (old, kind) in self.kinds or kind in self.shared


def kind_of(root: Path, problem: Problem) -> str:
    """Return the text that identifies a problem in both states: without numbers and paths, which may change."""
    text = problem.what.rpartition(_FIRST)[2]
    return _NUMBER.sub("#", text.replace(str(root.resolve()), "").replace(str(root), ""))


def _reasons(root: Path, found: Sequence[Problem], origins: Sequence[Origin], changed: range) -> dict[str, str]:
    """Return the problems of each new episode by UUID; empty if a problem is not caused by a new episode.

    If a problem is reported for several episodes at once, each new episode is verified separately.
    """
    new = {n: origins[n].uuid for n in changed if n < len(origins) and origins[n].old is None}
    reasons: dict[str, list[Problem]] = {}
    for problem in found:
        if problem.episode in new:
            reasons.setdefault(new[problem.episode], []).append(problem)
        elif problem.episode is not None:
            return {}
    if not all(problem.episode in new for problem in found):
        reasons = {}
        for n, uuid in new.items():
            alone = verify_dataset(root, episodes=range(n, n + 1)).problems
            if own := [problem for problem in alone if problem.episode == n]:
                reasons[uuid] = own
    return {uuid: _first(problems) for uuid, problems in reasons.items()}


def _notes(root: Path, known: Sequence[Problem]) -> list[str]:
    """Return one note per kind of problem, with the number of affected episodes."""
    kinds: dict[str, list[Problem]] = {}
    for problem in known:
        kinds.setdefault(kind_of(root, problem), []).append(problem)
    notes = []
    for problems in kinds.values():
        count = len({problem.episode for problem in problems})
        more = f" (and in {count - 1} more episodes)" if count > 1 else ""
        notes.append(f"had this problem before and was not changed: {problems[0]}{more}")
    return notes


def _first(problems: Sequence[Problem]) -> str:
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    return "; ".join(str(problem) for problem in problems[:3]) + more
