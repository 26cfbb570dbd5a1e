"""The episodes of a dataset's next state: references to stored and new episodes, and what they become."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import EditError
from robotdata.dataset.features import DEFAULT_FEATURES, NUMERIC_DTYPES, Features
from robotdata.dataset.language import LANGUAGE_COLUMNS, with_language
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tasks import Numbers, TaskPlan, plan_tasks, row_numbers, texts_of
from robotdata.dataset.write.brought import BroughtRef, row_texts
from robotdata.dataset.write.new_episode import NewEpisode, task_texts
from robotdata.dataset.write.trims import Frames, Range


@dataclass(frozen=True, slots=True)
class StoredRef:
    """An episode of the current state.

    `kept`: only its frames [first, end). An episode that is cut in two is referred to twice. `step`: only every so many
    of these frames, from the first on; then all cameras need new videos. `gap`: frames [first, end) inside `kept` that
    are left out, so that those around them adjoin; not together with `step`. `task`: its new text. `entry`: another
    entry in the sidecar than its present one.
    """

    episode: EpisodeInfo
    kept: Range | None = None
    task: str | None = None
    entry: Mapping[str, Any] | None = None
    step: int = 1
    gap: Range | None = None

    @property
    def runs(self) -> list[range]:
        """The frames of the episode that it keeps, as one range, or as those around the gap."""
        first, end = self.kept or (0, self.episode.length)
        if self.gap is None:
            return [range(first, end, self.step)]
        return [range(first, self.gap[0]), range(self.gap[1], end)]

    @property
    def length(self) -> int:
        """How many frames it keeps."""
        return sum(map(len, self.runs))


@dataclass(frozen=True, slots=True)
class NewRef:
    """An episode that is not in a dataset yet."""

    episode: NewEpisode


EpisodeRef = StoredRef | NewRef | BroughtRef


@dataclass(slots=True, kw_only=True)
class Part:
    """An episode of the next state.

    `tasks`: task number of each row, int64 (length,); None if its rows cannot be read. `texts`: its tasks in the table
    of episodes. `row`: its columns in the table of episodes, set while files are written.
    """

    index: int
    first_row: int
    length: int
    tasks: Numbers | None = None
    texts: list[str] = field(default_factory=list)
    row: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Stored(Part):
    """An episode of the current state. `numbers`: the current task numbers of its kept rows."""

    old: EpisodeInfo
    kept: Range
    ref: StoredRef
    numbers: Numbers | None

    @property
    def frames(self) -> Frames:
        """Its kept frames, by their numbers in the current state."""
        runs = self.ref.runs
        return runs[0] if len(runs) == 1 else np.concatenate(runs)

    @property
    def trimmed(self) -> bool:
        """Whether some of its frames are dropped."""
        return self.length < self.old.length

    @property
    def moved(self) -> bool:
        """Whether its rows differ from those in the current state."""
        old = self.old
        same = self.index == old.index and self.first_row == old.from_index and self.ref.task is None
        if not same or self.trimmed:
            return True
        return self.tasks is not self.numbers and not np.array_equal(self.tasks, self.numbers)  # type: ignore[arg-type]

    def first_frame(self, key: str) -> int:
        """Return the number of the first kept frame in its current video file."""
        return self.old.videos[key].first_frame + self.kept[0]


@dataclass(slots=True, kw_only=True)
class New(Part):
    """A new episode."""

    source: NewEpisode


@dataclass(slots=True, kw_only=True)
class Brought(Part):
    """An episode of another dataset."""

    source: BroughtRef


RowChange = Callable[[pa.Table, Stored, int], pa.Table]


@dataclass
class Plan:
    """The next state before any file is written: its episodes in order, the stored ones first.

    The others are new ones, or those of other datasets; never both. Those of `base` itself, brought in another order,
    count as the latter.

    `unread`: why the rows of an episode cannot be read, by its current number. `edited`: whether a stored episode is
    dropped, trimmed or relabelled. `imported`: the new episodes come from a dataset of another version. Then their
    videos are copied and never linked, are cut where they are longer than the rows, and images inside Parquet files are
    written; `splits` are those of info.json. `encoded`: by camera, new videos of its stored episodes, by their current
    number, each of exactly their frames. `rows`: adds columns to rows of a stored episode or removes them; given the
    rows, the episode, and how many of its rows come before these.
    """

    base: DatasetFolder | None
    features: Features
    fps: float
    stored: list[Stored]
    new: list[New]
    brought: list[Brought]
    tasks: TaskPlan
    unread: Mapping[int, str]
    edited: bool
    imported: bool = False
    splits: Any = None
    encoded: Mapping[str, Mapping[int, Path]] = field(default_factory=dict)
    rows: RowChange | None = None

    @property
    def own(self) -> list[int]:
        """The current numbers of the episodes that stay, in their new order."""
        brought = [part.source.episode.index for part in self.brought if part.source.dataset is self.base]
        return [*(part.old.index for part in self.stored), *brought]

    @property
    def parts(self) -> list[Part]:
        """All episodes of the next state."""
        return [*self.stored, *self.new, *self.brought]

    @property
    def added(self) -> list[New | Brought]:
        """The episodes that are not in the current state."""
        return [*self.new, *self.brought]

    @property
    def frames(self) -> int:
        """Number of frames of the next state."""
        return sum(part.length for part in self.parts)

    @property
    def changed(self) -> range:
        """The range from the first to the last episode whose rows differ from the current state."""
        stored = [part.index for part in self.stored if part.moved or self.encoded or self.rows]
        moved = stored + [part.index for part in self.added]
        return range(min(moved), len(self.parts)) if moved else range(0)


def plan_parts(base: DatasetFolder | None, features: Features, fps: float, refs: Sequence[EpisodeRef]) -> Plan:
    """Give every referenced episode its number, rows and tasks. Tasks follow the task_index of the rows.

    Stored episodes must come first, in their current order; parts of one follow each other. Raises EditError if
    unreadable rows would have to change, and CommitError if a new task would get the number of other rows.
    """
    stored_refs = [ref for ref in refs if isinstance(ref, StoredRef)]
    new_refs = [ref for ref in refs if isinstance(ref, NewRef)]
    other_refs = [ref for ref in refs if isinstance(ref, BroughtRef)]
    order = [ref.episode.index for ref in stored_refs]
    places = [(ref.episode.index, *(ref.kept or (0, ref.episode.length))) for ref in stored_refs]
    overlap = any(a[0] == b[0] and a[2] > b[1] for a, b in pairwise(places))
    first_stored = list(refs) == [*stored_refs, *new_refs, *other_refs]
    if not first_stored or (new_refs and other_refs) or overlap or places != sorted(places):
        raise ValueError("stored episodes come first, in their present order")
    numbers, unread = row_numbers(base, set(order)) if base else ({}, {})
    stored, first_row = _stored_parts(stored_refs, numbers)
    texts = [task_texts(ref.episode) for ref in new_refs]
    edited = len(stored) < len(base.episodes if base else ()) or any(
        ref.kept is not None or ref.task is not None or ref.step > 1 for ref in stored_refs
    )
    requested = [ref.task for ref in stored_refs if ref.task is not None]
    requested += [text for each in texts for text in dict.fromkeys(each)]
    others = row_texts(other_refs)
    requested += [text for named, _ in others for text in named]
    reordered = any(ref.dataset is base for ref in other_refs)  # then every task keeps its number
    tasks = _plan_tasks(base, stored, requested, keep_all=bool(unread) or not edited or reordered)
    for part in stored:
        _set_tasks(base, tasks, part, numbers.get(part.old.index))
    new: list[New] = []
    for ref, each in zip(new_refs, texts, strict=True):
        new.append(_new_part(ref.episode, each, tasks, len(stored) + len(new), first_row))
        first_row += ref.episode.length
    brought: list[Brought] = []
    for other, (named, codes) in zip(other_refs, others, strict=True):
        brought.append(_brought_part(other, named, codes, tasks, len(stored) + len(brought), first_row))
        first_row += other.length
    plan = Plan(base, features, fps, stored, new, brought, tasks, unread, edited)
    _check_unread(plan)
    return plan


def new_columns(plan: Plan, part: New) -> dict[str, Any]:
    """Return all columns of a new episode, each (length, ...), in its declared dtype; images as lists of objects.

    Raises numpy's errors for values of another type.
    """
    columns: dict[str, Any] = {}
    for key, feature in plan.features.items():
        if feature["dtype"] in ("string", "image"):
            columns[key] = list(part.source.columns[key])
        elif feature["dtype"] in NUMERIC_DTYPES and key not in DEFAULT_FEATURES:
            values = np.asarray(part.source.columns[key]).astype(feature["dtype"])
            columns[key] = values.reshape(-1, *feature["shape"]) if len(feature["shape"]) > 1 else values
    frame = np.arange(part.length, dtype=np.int64)
    if said := [key for key in LANGUAGE_COLUMNS if key in plan.features]:
        spoken = with_language(pa.table({"rows": np.zeros(part.length)}), part.source.language, plan.fps)
        columns |= {key: spoken[key] for key in said}
    return columns | {
        "timestamp": (frame / plan.fps).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.full(part.length, part.index, np.int64),
        "index": frame + part.first_row,
        "task_index": part.tasks,
    }


def _stored_parts(refs: Sequence[StoredRef], numbers: Mapping[int, Numbers]) -> tuple[list[Stored], int]:
    """Return the stored episodes at their new places, and the first row after them."""
    parts: list[Stored] = []
    first_row = 0
    for ref in refs:
        old = ref.episode
        kept = ref.kept or (0, old.length)
        own = numbers.get(old.index)
        own = own if own is None else np.concatenate([own[run.start : run.stop : run.step] for run in ref.runs])
        length = ref.length
        parts.append(
            Stored(index=len(parts), first_row=first_row, length=length, old=old, kept=kept, ref=ref, numbers=own)
        )
        first_row += length
    return parts, first_row


def _new_part(episode: NewEpisode, texts: Sequence[str], tasks: TaskPlan, index: int, first_row: int) -> New:
    numbers = [tasks.asked[text] for text in texts]
    rows = np.array(numbers * episode.length if len(numbers) == 1 else numbers, np.int64)
    named = list(dict.fromkeys(tasks.texts[number] for number in numbers))
    return New(index=index, first_row=first_row, length=episode.length, tasks=rows, texts=named, source=episode)


def _brought_part(
    ref: BroughtRef, named: Sequence[str], codes: Numbers, tasks: TaskPlan, index: int, first_row: int
) -> Brought:
    numbers = np.array([tasks.asked[text] for text in named], np.int64)[codes]
    texts = list(dict.fromkeys(tasks.texts[tasks.asked[text]] for text in named))
    return Brought(index=index, first_row=first_row, length=ref.length, tasks=numbers, texts=texts, source=ref)


def _plan_tasks(
    base: DatasetFolder | None, stored: Sequence[Stored], requested: Sequence[str], *, keep_all: bool
) -> TaskPlan:
    """Number the tasks. Numbers that no row has are dropped, unless `keep_all`: unreadable rows may have them."""
    stay = [part for part in stored if part.ref.task is None]
    numbers = [part.numbers for part in stay if part.numbers is not None]
    used_numbers = set(np.unique(np.concatenate(numbers)).tolist()) if numbers else set()
    named = {text for part in stay for text in part.old.tasks}
    return plan_tasks(base, used_numbers, requested, None if keep_all else named)


def _set_tasks(base: DatasetFolder | None, tasks: TaskPlan, part: Stored, before: Numbers | None) -> None:
    """Set a stored episode's task numbers and texts; `before` are the numbers of all its rows.

    If the table of episodes disagrees with the rows, its texts are kept.
    """
    if part.ref.task is not None:
        number = tasks.asked[part.ref.task]
        part.tasks, part.texts = np.full(part.length, number, np.int64), [tasks.texts[number]]
        return
    part.texts = list(part.old.tasks)
    if base is None or part.numbers is None or before is None:
        return
    part.tasks = tasks.renumber(part.numbers)
    agreed = set(texts_of(base, before)) == set(part.old.tasks)
    if not part.old.tasks or (part.trimmed and agreed):
        part.texts = texts_of(base, part.numbers)


def _check_unread(plan: Plan) -> None:
    """Raise EditError if unreadable rows would have to change."""
    for part in plan.stored:
        if part.numbers is None and part.moved and plan.base is not None:
            raise EditError(
                f"{plan.base.root} cannot be edited like this, for the rows of {part.old.name} would have "
                f"to be changed, too: {plan.unread[part.old.index]}. Bring that file back, or delete the episodes "
                "that are in it"
            )
