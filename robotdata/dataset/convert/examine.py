"""Examine a dataset v1.x or v2.x completely before anything is written: what can be converted, and what was odd."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from robotdata.dataset.convert.old_files import OldFiles, find_files
from robotdata.dataset.convert.old_meta import OldEntry, OldMeta, read_meta, version_1
from robotdata.dataset.convert.old_rows import (
    RECORDED_TIME,
    RowFacts,
    check_rows,
    declared_in_all,
    first_frame,
    is_clocked,
)
from robotdata.dataset.convert.version_1 import read_version_1
from robotdata.dataset.episode_names import named_episodes
from robotdata.dataset.errors import ConversionError, DamagedFile, DatasetError
from robotdata.dataset.features import (
    DEFAULT_FEATURES,
    NUMERIC_DTYPES,
    Features,
    complete,
    frame_size,
    is_video,
    video_keys,
)
from robotdata.dataset.tables import open_parquet
from robotdata.numbers import count
from robotdata.video.errors import NotAKeyframeError, VideoError
from robotdata.video.index import PacketIndex
from robotdata.video.remux import Segment, check_segment

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class OldEpisode:
    """An episode that can be converted. `tasks`: the number of each row's task in `OldDataset.tasks`, (length,)."""

    number: int
    length: int
    tasks: NDArray[np.int64]
    data: Path
    videos: dict[str, Path]


@dataclass
class OldDataset:
    """What a dataset v2.x becomes. `features` are completed; `tasks` are the texts by number.

    `problems`: why an episode cannot be converted, by its number. `notes`: what will differ, as sentences.
    """

    meta: OldMeta
    files: OldFiles
    features: Features
    tasks: list[str]
    episodes: list[OldEpisode] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """The frames of all episodes that can be converted."""
        return sum(episode.length for episode in self.episodes)


def examine(root: Path, progress: Progress | None = None, *, staging: Path | None = None) -> OldDataset:
    """Read all rows and the index of every video of the dataset in `root`; nothing is decoded.

    `progress(done, total)` is called after each episode. The rows of a dataset v1.x are written to `staging`, one file
    for each episode; without it, the result is only for reporting, because these files are removed.

    Raises ConversionError if nothing can be converted or it has another version, NotADataset, DamagedFile, UnsafePath
    and FeatureError.
    """
    root = root.resolve()
    if not version_1(root):
        meta = read_meta(root)
        return _examine(meta, find_files(root, meta.info, video_keys(meta.features)), progress)
    if staging is not None:
        return _examine(*read_version_1(root, staging), progress)
    with tempfile.TemporaryDirectory(prefix="robotdata-") as folder:
        return _examine(*read_version_1(root, Path(folder)), progress)


def _examine(meta: OldMeta, files: OldFiles, progress: Progress | None) -> OldDataset:
    root = meta.root
    numbers = sorted(meta.episodes.keys() | files.data.keys())
    if not files.data:
        raise ConversionError(f"{root} has no data file data/chunk-000/episode_000000.parquet: download its files, too")
    notes = list(meta.notes)
    features = _features(meta, files, notes)
    if files.moved:
        notes.append(f"{files.moved} files were not where info.json says and were found by their names")
    tasks, number_of = _tasks(meta, notes)
    old = OldDataset(meta, files, features, tasks, notes=notes)
    look = _Look(old, number_of)
    for done, number in enumerate(numbers, 1):
        try:
            old.episodes.append(look.episode(number))
        except (DatasetError, VideoError) as error:
            old.problems[number] = str(error)
        if progress is not None:
            progress(done, len(numbers))
    look.finish()
    before, old.features = old.features, complete(old.features, encoded_here=False)
    for key, feature in before.items():
        if feature["dtype"] in NUMERIC_DTYPES and feature.get("names") and not old.features[key].get("names"):
            notes.append(f"the names of {key} are not one for each of its values: they were left out")
    if not old.episodes:
        number, why = next(iter(old.problems.items()))
        raise ConversionError(f"{root}: no episode can be converted; the first, {number}: {why}")
    _note_numbers(old)
    return old


def _features(meta: OldMeta, files: OldFiles, notes: list[str]) -> Features:
    """Return the features that there is something of: columns in the data files, cameras with a video."""
    features = dict(meta.features)
    cameras = video_keys(features)
    empty = [key for key in cameras if not files.videos[key]]
    if empty and len(empty) == len(cameras):
        raise ConversionError(f"{meta.root} has no video of {', '.join(empty)}: download its videos, too")
    for key in empty:
        del features[key]
        notes.append(f"camera {key} has no video in any episode: it was left out")
    if files.undeclared:
        names = ", ".join(files.undeclared)
        notes.append(f"the videos in {names} belong to no camera in info.json: they were left out")
    schemas = _schemas(files)
    if not schemas:  # each is reported with its episode
        return features
    columns = {*DEFAULT_FEATURES, *(name for schema in schemas for name in schema.names)}
    for key in [key for key, feature in features.items() if key not in columns and not is_video(feature)]:
        del features[key]
        notes.append(f"{key} is declared in info.json and is not a column of any data file: it was left out")
    more, unknown, differing = declared_in_all(schemas, {**features, **DEFAULT_FEATURES})
    if more:
        notes.append(f"the columns {', '.join(more)} were not declared in info.json: they are now")
    if unknown:
        notes.append(f"the columns {', '.join(unknown)} are neither numbers nor text: they were left out")
    if differing:
        names = ", ".join(differing)
        notes.append(f"the columns {names} were not declared and not in all data files the same: they were left out")
    return features | more


def _schemas(files: OldFiles) -> list[pa.Schema]:
    """Return the different schemas of the data files that can be read."""
    schemas: dict[pa.Schema, None] = {}
    for path in files.data.values():
        with suppress(DamagedFile), open_parquet(path) as file:
            schemas[file.schema_arrow.remove_metadata()] = None
    return list(schemas)


def _tasks(meta: OldMeta, notes: list[str]) -> tuple[list[str], dict[int, int]]:
    """Return the task texts in v3.0's order, and the new number of each old one.

    Numbers are kept, because columns such as `annotation.human.action.task_description` may hold them, too.
    """
    numbers = sorted(meta.tasks)
    texts = list(dict.fromkeys(meta.tasks[number] for number in numbers))
    place_of = {text: place for place, text in enumerate(texts)}
    number_of = {number: place_of[meta.tasks[number]] for number in numbers}
    if len(texts) < len(numbers):
        again = next(number for position, number in enumerate(numbers) if number_of[number] < position)
        notes.append(
            f"{len(numbers)} tasks had only {len(texts)} different texts, the first again {meta.tasks[again]!r}: those "
            "with one text are one task now, and tasks behind it have other numbers"
        )
    elif numbers != list(range(len(numbers))):
        notes.append(f"task numbers had gaps: {len(numbers)} tasks are now numbered from 0 without gaps")
    known = set(texts)
    more = dict.fromkeys(text for entry in meta.episodes.values() for text in entry.tasks)
    texts += [text for text in more if text and text not in known]  # which only the table of episodes names
    return texts, number_of


class _Look:
    """Looks at one episode after the other, and counts what is worth a note."""

    def __init__(self, old: OldDataset, number_of: dict[int, int]) -> None:
        self._old = old
        self._number_of = number_of
        self._place_of = {text: number for number, text in reversed(list(enumerate(old.tasks)))}
        self._clocked: list[int] = []
        self._not_finite: list[int] = []
        self._longer: list[int] = []
        self._other_tasks: list[int] = []
        self._other_length: list[int] = []
        self._other_frames: list[int] = []
        self._other_number: list[int] = []
        self._first_task: list[int] = []
        self._with_stamps = 0
        self._sized: set[str] = set()

    def episode(self, number: int) -> OldEpisode:
        """Return episode `number`. Raises DatasetError and VideoError with the reason why it cannot be converted."""
        old = self._old
        if number in old.files.twice:
            raise ConversionError(f"two files could be its own: {', '.join(old.files.twice[number][:3])}")
        if number in old.files.unusable:
            raise ConversionError(old.files.unusable[number])
        path = old.files.data.get(number)
        if path is None:
            raise ConversionError("it has no data file; download it, too")
        facts = check_rows(path, old.features)
        first = first_frame(path, facts, old.meta.fps)
        tasks = self._tasks(number, facts, old.meta.episodes.get(number))
        videos = {key: self._video(number, key, facts.length, first) for key in video_keys(old.features)}
        self._count(number, facts)
        return OldEpisode(number, facts.length, tasks, path, videos)

    def finish(self) -> None:
        """Add the notes, and the column of old timestamps where they were not n / fps."""
        old = self._old
        if self._clocked:
            text = f"{named_episodes(self._clocked)}: timestamps were not frame number / fps, and are now"
            if self._with_stamps == len(old.episodes) and RECORDED_TIME not in old.features:
                old.features = {**old.features, RECORDED_TIME: {"dtype": "float64", "shape": [1], "names": None}}
                text += f"; the old ones are in the column {RECORDED_TIME}"
            old.notes.append(text)
        for numbers, text in (
            (self._not_finite, "some rows are NaN or infinite, on which training fails; they were kept"),
            (self._longer, "a video is longer than the rows; the frames after the last row were left out"),
            (self._other_tasks, "the rows name other tasks than meta/episodes.jsonl; those of the rows were used"),
            (self._other_length, "meta/episodes.jsonl has another length than the rows, which were used"),
            (self._other_frames, "frame numbers were not 0, 1, 2 and so on, and are now"),
            (self._other_number, "the rows name another episode than the name of their file, which was used"),
            (self._first_task, "the rows name no task, and meta/episodes.jsonl several: all rows have the first"),
        ):
            if numbers:
                old.notes.append(f"{named_episodes(numbers)}: {text}")

    def _tasks(self, number: int, facts: RowFacts, entry: OldEntry | None) -> NDArray[np.int64]:
        """Return the new task number of each row; the rows decide, because training uses them."""
        texts = [text for text in entry.tasks if text] if entry else []
        if facts.tasks is None:
            if not texts:
                raise ConversionError("neither its rows nor meta/episodes.jsonl name its task")
            if len(set(texts)) > 1:
                self._first_task.append(number)
            return np.full(facts.length, self._place_of[texts[0]], np.int64)
        values, places = np.unique(facts.tasks, return_inverse=True)
        new = []
        for value in values.tolist():
            place = self._number_of.get(value)
            if (place is None or not self._old.tasks[place]) and len(texts) == 1:
                place = self._place_of[texts[0]]
            if place is None or not self._old.tasks[place]:
                raise ConversionError(f"its rows have task {value}, for which meta/tasks.jsonl has no text")
            new.append(place)
        if texts and not {self._old.tasks[place] for place in new} <= set(texts):
            self._other_tasks.append(number)
        return np.array(new, np.int64)[places].reshape(-1)

    def _video(self, number: int, key: str, length: int, first: int) -> Path:
        """Return the video of a camera, whose first `length` frames can be copied; `first`: see `first_frame`."""
        old = self._old
        path = old.files.videos[key].get(number)
        if path is None:
            raise ConversionError(f"its video of {key} is missing; download it, too")
        try:
            index = check_segment(Segment(path, 0), fps=old.meta.fps)
            if len(index) < length:
                raise ConversionError(
                    f"its video of {key} has {count(len(index), 'frame')}, and it has {count(length, 'row')}"
                )
            if first > 0 and len(index) >= first + length:
                raise ConversionError(f"its rows begin with frame {first}, and its video of {key} before that")
            if len(index) > length:
                check_segment(Segment(path, 0, length), fps=old.meta.fps)
                self._longer.append(number)
        except NotAKeyframeError as error:
            raise ConversionError(
                f"its video of {key} cannot be cut to its {count(length, 'row')} without encoding"
            ) from error
        self._set_size(number, key, index)
        return path

    def _set_size(self, number: int, key: str, index: PacketIndex) -> None:
        """Take the size of a camera's frames from its first video; another size later is a problem."""
        feature, actual = self._old.features[key], (index.width, index.height)
        expected = frame_size(feature)
        if actual != expected:
            if key in self._sized:
                sizes = f"{actual[0]}x{actual[1]}, those before it {expected[0]}x{expected[1]}"
                raise ConversionError(f"its video of {key} is {sizes}; a camera has one size")
            shape = [actual[1], actual[0], feature["shape"][2]]
            self._old.features = {**self._old.features, key: {**feature, "shape": shape}}
            self._old.notes.append(
                f"camera {key} was declared as {expected[0]}x{expected[1]}, its videos are {actual[0]}x{actual[1]}"
            )
        self._sized.add(key)

    def _count(self, number: int, facts: RowFacts) -> None:
        """Count what is odd about an episode."""
        entry = self._old.meta.episodes.get(number)
        if entry is not None and entry.length is not None and entry.length != facts.length:
            self._other_length.append(number)
        if facts.not_finite:
            self._not_finite.append(number)
        if facts.stamps is not None:
            self._with_stamps += 1
            if is_clocked(facts, self._old.meta.fps):
                self._clocked.append(number)
        if facts.frames is not None and not np.array_equal(facts.frames, np.arange(facts.length)):
            self._other_frames.append(number)
        if facts.numbers is not None and bool((facts.numbers != number).any()):
            self._other_number.append(number)


def _note_numbers(old: OldDataset) -> None:
    """Note episodes that are missing, or get another number because others are."""
    total, there = old.meta.info.get("total_episodes"), len(old.meta.episodes.keys() | old.files.data.keys())
    if type(total) is int and total > there:
        old.notes.append(f"info.json states {count(total, 'episode')}, and there are {there}")
    untold = [each.number for each in old.episodes if each.number not in old.meta.episodes]
    if untold and old.meta.episodes:
        old.notes.append(
            f"{named_episodes(untold)}: not in meta/episodes.jsonl, but its files are there: it was converted"
        )
    moved = [(place, each.number) for place, each in enumerate(old.episodes) if place != each.number]
    if moved:
        place, number = moved[0]
        missing = old.episodes[-1].number + 1 - len(old.episodes)
        old.notes.append(f"{missing} episode numbers are not there: episode {number} is now {place}, and so on")


def without(old: OldDataset, problems: Sequence[int]) -> OldDataset:
    """Return the dataset with a note about each episode of `problems` that is left out."""
    notes = [f"episode {number} was left out: {old.problems[number]}" for number in problems]
    return replace(old, notes=[*notes, *old.notes])
