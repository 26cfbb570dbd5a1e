"""The episodes of a dataset's next state: references to stored and new episodes, and what becomes of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import EditError
from robotdata.dataset.features import DEFAULT_FEATURES, NUMERIC_DTYPES, Features
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tasks import Numbers, TaskPlan, plan_tasks, row_numbers, texts_of
from robotdata.dataset.write.new_episode import NewEpisode, task_texts
from robotdata.dataset.write.trims import Range


@dataclass(frozen=True, slots=True)
class StoredRef:
    """An episode of the present state; `kept`: only its frames [first, end); `task`: its new text."""

    episode: EpisodeInfo
    kept: Range | None = None
    task: str | None = None


@dataclass(frozen=True, slots=True)
class NewRef:
    """An episode that no dataset has yet."""

    episode: NewEpisode


EpisodeRef = StoredRef | NewRef


@dataclass(slots=True, kw_only=True)
class Part:
    """What every episode of the next state has.

    `tasks`: task number of each row, int64 (length,), None where its rows cannot be read. `texts`: its tasks in the
    table of episodes. `row`: columns of the table of episodes, filled while files are written.
    """

    index: int
    first_row: int
    length: int
    tasks: Numbers | None = None
    texts: list[str] = field(default_factory=list)
    row: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Stored(Part):
    """An episode of the present state. `numbers`: the task numbers that its kept rows have there."""

    old: EpisodeInfo
    kept: Range
    ref: StoredRef
    numbers: Numbers | None

    @property
    def trimmed(self) -> bool:
        return self.length < self.old.length

    @property
    def moved(self) -> bool:
        """Whether its rows differ from those in the present state."""
        old = self.old
        same = self.index == old.index and self.first_row == old.from_index and self.ref.task is None
        return not same or self.trimmed or not np.array_equal(self.tasks, self.numbers)  # type: ignore[arg-type]

    def first_frame(self, key: str) -> int:
        """Return the first kept frame's number in the video file where it lies now."""
        return self.old.videos[key].first_frame + self.kept[0]


@dataclass(slots=True, kw_only=True)
class New(Part):
    """A new episode. `columns`: every feature but cameras, each (length, ...), in the declared dtypes."""

    source: NewEpisode
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Plan:
    """The next state, before any file is written: its episodes in order, the stored ones first.

    `unread` says by number in the present state why the rows of an episode cannot be read. `edited`: some stored
    episode is dropped, trimmed or gets another task.
    """

    base: DatasetFolder | None
    features: Features
    fps: float
    stored: list[Stored]
    new: list[New]
    tasks: TaskPlan
    unread: Mapping[int, str]
    edited: bool

    @property
    def parts(self) -> list[Part]:
        return [*self.stored, *self.new]

    @property
    def frames(self) -> int:
        return sum(part.length for part in self.parts)

    @property
    def changed(self) -> range:
        """From the first episode whose rows differ from the present state's to the last; empty for none."""
        moved = [part.index for part in self.stored if part.moved] + [part.index for part in self.new]
        return range(min(moved), len(self.parts)) if moved else range(0)


def plan_parts(base: DatasetFolder | None, features: Features, fps: float, refs: Sequence[EpisodeRef]) -> Plan:
    """Give every referenced episode its number, rows and tasks. Tasks follow the task_index of the rows.

    Stored episodes come first, in their present order. Raises EditError where rows that cannot be read would have to
    move, and CommitError where a new task would become that of other rows.
    """
    stored_refs = [ref for ref in refs if isinstance(ref, StoredRef)]
    new_refs = [ref for ref in refs if isinstance(ref, NewRef)]
    order = [ref.episode.index for ref in stored_refs]
    if list(refs) != [*stored_refs, *new_refs] or order != sorted(set(order)):
        raise ValueError("stored episodes come first, in their present order")
    numbers, unread = row_numbers(base, set(order)) if base else ({}, {})
    stored, first_row = _stored_parts(stored_refs, numbers)
    texts = [task_texts(ref.episode) for ref in new_refs]
    edited = len(stored) < len(base.episodes if base else ()) or any(
        ref.kept is not None or ref.task is not None for ref in stored_refs
    )
    asked = [ref.task for ref in stored_refs if ref.task is not None]
    asked += [text for each in texts for text in dict.fromkeys(each)]
    tasks = _plan_tasks(base, stored, asked, keep_all=bool(unread) or not edited)
    for one in stored:
        _set_tasks(base, tasks, one, numbers.get(one.old.index))
    new: list[New] = []
    for ref, each in zip(new_refs, texts, strict=True):
        new.append(_new_part(ref.episode, each, tasks, len(stored) + len(new), first_row))
        first_row += ref.episode.length
    plan = Plan(base, features, fps, stored, new, tasks, unread, edited)
    _check_unread(plan)
    return plan


def fill_columns(plan: Plan, part: New) -> None:
    """Set all columns of a new episode, in the declared dtypes. Raises what a value of another kind raises."""
    columns: dict[str, Any] = {}
    for key, feature in plan.features.items():
        if feature["dtype"] == "string":
            columns[key] = list(part.source.columns[key])
        elif feature["dtype"] in NUMERIC_DTYPES and key not in DEFAULT_FEATURES:
            values = np.asarray(part.source.columns[key]).astype(feature["dtype"])
            columns[key] = values.reshape(-1, *feature["shape"]) if len(feature["shape"]) > 1 else values
    frame = np.arange(part.length, dtype=np.int64)
    part.columns = columns | {
        "timestamp": (frame / plan.fps).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.full(part.length, part.index, np.int64),
        "index": frame + part.first_row,
        "task_index": part.tasks,
    }


def _stored_parts(refs: Sequence[StoredRef], numbers: Mapping[int, Numbers]) -> tuple[list[Stored], int]:
    """The stored episodes at their new places, and the first row after them."""
    made: list[Stored] = []
    first_row = 0
    for ref in refs:
        old = ref.episode
        kept = ref.kept or (0, old.length)
        own = numbers.get(old.index)
        own = own if own is None else own[kept[0] : kept[1]]
        length = kept[1] - kept[0]
        made.append(
            Stored(index=len(made), first_row=first_row, length=length, old=old, kept=kept, ref=ref, numbers=own)
        )
        first_row += length
    return made, first_row


def _new_part(episode: NewEpisode, texts: Sequence[str], tasks: TaskPlan, index: int, first_row: int) -> New:
    numbers = [tasks.asked[text] for text in texts]
    rows = np.array(numbers * episode.length if len(numbers) == 1 else numbers, np.int64)
    named = list(dict.fromkeys(tasks.texts[number] for number in numbers))
    return New(index=index, first_row=first_row, length=episode.length, tasks=rows, texts=named, source=episode)


def _plan_tasks(
    base: DatasetFolder | None, stored: Sequence[Stored], asked: Sequence[str], *, keep_all: bool
) -> TaskPlan:
    """Give up the numbers that no row has any more, unless `keep_all`: rows that cannot be read may have them."""
    stay = [one for one in stored if one.ref.task is None]
    used = {int(n) for one in stay if one.numbers is not None for n in np.unique(one.numbers)}
    named = {text for one in stay for text in one.old.tasks}
    return plan_tasks(base, used, asked, None if keep_all else named)


def _set_tasks(base: DatasetFolder | None, tasks: TaskPlan, one: Stored, before: Numbers | None) -> None:
    """Set a stored episode's task numbers and texts; `before` are those of all its rows.

    Where the table of episodes disagrees with the rows, it is left as it was.
    """
    if one.ref.task is not None:
        number = tasks.asked[one.ref.task]
        one.tasks, one.texts = np.full(one.length, number, np.int64), [tasks.texts[number]]
        return
    one.texts = list(one.old.tasks)
    if base is None or one.numbers is None or before is None:
        return
    one.tasks = tasks.renumber(one.numbers)
    agreed = set(texts_of(base, before)) == set(one.old.tasks)
    if not one.old.tasks or (one.trimmed and agreed):
        one.texts = texts_of(base, one.numbers)


def _check_unread(plan: Plan) -> None:
    for one in plan.stored:
        if one.numbers is None and one.moved and plan.base is not None:
            raise EditError(
                f"{plan.base.root} cannot be edited like this, for the rows of episode {one.old.index} would have "
                f"to be changed, too: {plan.unread[one.old.index]}. Bring that file back, or delete the episodes "
                "that lie in it"
            )
