"""Remake the table of tasks, and the texts in the table of episodes: the rows decide, because training uses them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robotdata.dataset.errors import DamagedFile, UnsafePath
from robotdata.dataset.layout import TASKS, contained
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.repair.rows import EpisodeRows
from robotdata.dataset.tables import read_table, read_tasks, to_numpy
from robotdata.dataset.tasks import TaskPlan


@dataclass
class NewTasks:
    """The tasks after the repair. `numbers`: those of each episode's rows; None where they stay unknown.

    `texts`: what the table of episodes should say of each episode. `rewrite`: why the table of tasks is written again;
    empty if it stays. `readable`: whether further columns of the old table can be kept.
    """

    plan: TaskPlan
    numbers: list[NDArray[np.int64] | None]
    texts: list[list[str]]
    rewrite: str = ""
    readable: bool = True
    guessed: list[int] = field(default_factory=list)


def plan_new_tasks(base: DatasetFolder, all_rows: Sequence[EpisodeRows], left: list[str]) -> NewTasks:
    """Return the tasks of the next state. Numbers for which no text can be derived are added to `left`."""
    stored, fault = _stored(base)
    readable = stored is not None
    texts = dict(stored or {})
    _derive(base, all_rows, texts)
    numbers, guessed = _row_numbers(base, all_rows, texts)
    used = {int(n) for each in numbers if each is not None for n in np.unique(each)}
    unknown = sorted(used - texts.keys())
    if unknown:
        left.append(
            f"{TASKS} has no text for task number {', '.join(map(str, unknown[:6]))}, which rows have, and the table "
            "of episodes does not tell it: give these episodes a task (`robotdata edit DATASET relabel`)"
        )
        plan = TaskPlan(list(base.tasks), {n: n for n in range(len(base.tasks))})
        same = [list(episode.tasks) for episode in base.episodes]
        return NewTasks(plan, [rows.tasks for rows in all_rows], same)
    plan = _numbered(texts)
    fault = fault or ("" if texts == stored else "lacks texts, which the table of episodes has")
    new = [None if each is None else plan.renumber(each) for each in numbers]
    named = [
        list(episode.tasks) if each is None else _in_order(plan.texts, each)
        for episode, each in zip(base.episodes, new, strict=True)
    ]
    for number, episode in enumerate(base.episodes):
        if set(named[number]) == set(episode.tasks):
            named[number] = list(episode.tasks)
    return NewTasks(plan, new, named, fault, readable, guessed)


def _stored(base: DatasetFolder) -> tuple[dict[int, str] | None, str]:
    """Return the stored texts by number, None if they cannot be read; and what is wrong with the table."""
    path = base.root / TASKS
    if not path.is_file():
        return None, "is missing"
    try:
        real = contained(base.root, TASKS)
        texts, table = read_tasks(real), read_table(real)
    except (DamagedFile, UnsafePath) as error:
        return None, f"cannot be read ({error})"
    numbers = to_numpy(table.column("task_index")).tolist() if "task_index" in table.column_names else []
    if numbers != list(range(table.num_rows)):
        return texts, "does not number its tasks 0, 1, 2 and so on, in this order"
    if b"pandas" not in (table.schema.metadata or {}):
        return texts, "has no pandas metadata, without which LeRobot shows a number instead of the text"
    if len(set(texts.values())) < len(texts):
        return texts, "names a task more than once"
    return texts, ""


def _derive(base: DatasetFolder, all_rows: Sequence[EpisodeRows], texts: dict[int, str]) -> None:
    """Add texts of numbers that have none: where episodes with one number in their rows name one text, always it."""
    claims: dict[int, set[str]] = {}
    for rows, episode in zip(all_rows, base.episodes, strict=True):
        if rows.tasks is None:
            continue
        numbers = [int(n) for n in np.unique(rows.tasks)]
        missing = [n for n in numbers if n not in texts]
        rest = set(episode.tasks) - {texts[n] for n in numbers if n in texts}
        if len(missing) == 1 and missing[0] >= 0 and rest:
            claims.setdefault(missing[0], set()).update(rest if len(rest) == 1 else {"", *rest})
    for number, claimed in claims.items():
        if len(claimed) == 1:
            texts[number] = next(iter(claimed))


def _row_numbers(
    base: DatasetFolder, all_rows: Sequence[EpisodeRows], texts: dict[int, str]
) -> tuple[list[NDArray[np.int64] | None], list[int]]:
    """Return the task numbers of each episode's rows, and the episodes whose rows had none: those of the table."""
    numbers: list[NDArray[np.int64] | None] = []
    guessed = []
    number_of = {text: number for number, text in reversed(list(texts.items()))}
    for rows, episode in zip(all_rows, base.episodes, strict=True):
        value = rows.tasks
        if value is None and rows.path is not None and len(episode.tasks) == 1:
            number = number_of.get(episode.tasks[0])
            if number is None:
                number = max(texts, default=-1) + 1
                texts[number], number_of[episode.tasks[0]] = episode.tasks[0], number
            value = np.full(rows.length, number, np.int64)
            guessed.append(rows.number)
        numbers.append(value)
    return numbers, guessed


def _numbered(texts: dict[int, str]) -> TaskPlan:
    """Number the texts 0, 1, 2 and so on in the order of their numbers, each text once."""
    ordered = list(dict.fromkeys(texts[number] for number in sorted(texts)))
    place_of = {text: place for place, text in enumerate(ordered)}
    return TaskPlan(ordered, {number: place_of[texts[number]] for number in sorted(texts, reverse=True)})


def _in_order(texts: Sequence[str], numbers: NDArray[np.int64]) -> list[str]:
    values, first = np.unique(numbers, return_index=True)
    return [texts[int(value)] for value in values[np.argsort(first)]]
