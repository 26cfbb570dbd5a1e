"""Write a dataset v3.0 as v2.1, for programs that read nothing newer: one data file and one video for each episode."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from robotdata.dataset import stats
from robotdata.dataset.convert.examine import examine
from robotdata.dataset.convert.old_cameras import video_stats
from robotdata.dataset.convert.old_files import OLD_DATA_PATH, OLD_VIDEO_PATH, walk_files
from robotdata.dataset.convert.old_meta import EPISODES, EPISODES_STATS, OLD_TASKS
from robotdata.dataset.convert.rest import copy_rest
from robotdata.dataset.convert.run import LOCK_WAIT_S, ConvertResult, Progress
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import ConversionError
from robotdata.dataset.features import NUMERIC_DTYPES, Features, is_depth, is_video, video_keys
from robotdata.dataset.layout import CHUNKS_SIZE, INFO
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.tables import ParquetFile
from robotdata.dataset.tasks import by_rows
from robotdata.dataset.write import episode_table
from robotdata.dataset.write.base_state import check_base
from robotdata.dataset.write.data_files import episode_tables
from robotdata.dataset.write.new_dataset import new_dataset
from robotdata.dataset.write.swap import NEXT, work_folder
from robotdata.files.json_files import write_new_json
from robotdata.files.new_file import write_new_text
from robotdata.video.errors import VideoError
from robotdata.video.remux import cut_video


def convert_to_older(
    source: Path,
    target: Path,
    *,
    work: Path,
    progress: Progress | None = None,
    before_swap: Callable[[], None] | None = None,
    lock_wait_s: float = LOCK_WAIT_S,
) -> ConvertResult:
    """Make the dataset v2.1 `target` of the dataset v3.0 in `source`, which is only read. Packets are copied.

    Options as in `convert_dataset`. Raises ConversionError if an episode is incomplete, or does not begin with a
    keyframe in one of its videos, and other DatasetErrors; `target` does not exist then.
    """
    source, target = source.resolve(), target.resolve()
    with new_dataset(target, work, wait_s=lock_wait_s, refusal=ConversionError) as put_in_place:
        base = by_rows(DatasetFolder.open(source))
        check_base(base)
        if problems := {each.index: each.problems[0] for each in base.episodes if each.problems}:
            number, why = next(iter(problems.items()))
            raise ConversionError(f"{source} is incomplete, first in episode {number}: {why}", problems)
        features, notes = _features(base)
        with work_folder(target, work) as folder:
            _write(base, features, folder / NEXT, progress)
            copy_rest(base.root.resolve(), walk_files(base.root.resolve()), folder / NEXT)
            _check(base, folder / NEXT)
            if before_swap is not None:
                before_swap()
            put_in_place(folder)
    return ConvertResult(len(base.episodes), base.total_frames, notes)


def _features(base: DatasetFolder) -> tuple[Features, list[str]]:
    """Return the features that v2.1 can hold, and notes about the others."""
    notes = ["verdicts, labels, ratings and notes are not part of v2.1"] if base.revision else []
    features = {}
    for key, feature in base.features.items():
        if feature["dtype"] == "language":
            notes.append(f"{key} is language, which v2.1 does not know: it was left out")
            continue
        if is_depth(feature):
            notes.append(f"camera {key} is depth, which LeRobot with v2.1 shows as gray pictures")
        features[key] = feature
    return features, notes


def _write(base: DatasetFolder, features: Features, root: Path, progress: Progress | None) -> None:
    """Write all files below `root`."""
    root.mkdir(parents=True)
    cameras, lines = video_keys(features), []
    table = episode_table.old_table(base, episode_table.episode_schema(features))
    for done, (episode, rows) in enumerate(_episode_rows(base, features), 1):
        path = root / _filled(OLD_DATA_PATH, episode.index)
        with ParquetFile(path, rows.schema) as file:
            file.write(rows)
        videos = {key: root / _filled(OLD_VIDEO_PATH, episode.index, key) for key in cameras}
        for key, video in videos.items():
            _cut(base, episode, key, video)
        stored = table.slice(episode.index, 1).to_pylist()[0]
        lines.append({"episode_index": episode.index, "stats": _stats(base, features, episode, stored, videos)})
        if progress is not None:
            progress(done, len(base.episodes) + 1)
    entries = [{"episode_index": each.index, "tasks": each.tasks, "length": each.length} for each in base.episodes]
    _write_lines(root / EPISODES, entries)
    _write_lines(root / EPISODES_STATS, lines)
    _write_lines(root / OLD_TASKS, [{"task_index": n, "task": text} for n, text in enumerate(base.tasks) if text])
    write_new_json(root / INFO, _info(base, features))


def _episode_rows(base: DatasetFolder, features: Features) -> Iterator[tuple[EpisodeInfo, pa.Table]]:
    """Yield each episode with its rows, in order; only one is in memory. Raises ConversionError."""
    names = [key for key, feature in features.items() if not is_video(feature)]
    files = dict.fromkeys(episode.data_file for episode in base.episodes if episode.data_file is not None)
    done = 0
    for path in files:
        parts: list[pa.Table] = []
        for part in episode_tables(path):
            if parts and part.column("episode_index")[0] != parts[0].column("episode_index")[0]:
                yield _joined(base, parts, done, names)
                done, parts = done + 1, []
            parts.append(part)
        if parts:
            yield _joined(base, parts, done, names)
            done += 1
    if done != len(base.episodes):
        raise ConversionError(f"{base.root} has rows of {done} of its {len(base.episodes)} episodes")


def _joined(base: DatasetFolder, parts: list[pa.Table], number: int, names: list[str]) -> tuple[EpisodeInfo, pa.Table]:
    """Return episode `number` with its rows. Raises ConversionError if these rows are not it."""
    rows = pa.concat_tables(parts)
    found = int(rows.column("episode_index")[0].as_py())
    missing = [name for name in names if name not in rows.column_names]
    if found != number or number >= len(base.episodes) or rows.num_rows != base.episodes[number].length or missing:
        raise ConversionError(f"{base.root}: the rows of episode {number} are not whole and in order; run `verify`")
    metadata = dict(rows.schema.metadata or {})
    if described := metadata.get(b"huggingface"):
        # The `datasets` library before 4.0 has no `List`.
        metadata[b"huggingface"] = described.replace(b'"_type": "List"', b'"_type": "Sequence"')
    return base.episodes[number], rows.select(names).replace_schema_metadata(metadata)


def _cut(base: DatasetFolder, episode: EpisodeInfo, key: str, target: Path) -> None:
    """Copy an episode's packets of one camera to a file of its own. Raises ConversionError."""
    span = episode.videos[key]
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        cut_video(span.path, span.first_frame, span.first_frame + span.frames, target, fps=base.fps)
    except VideoError as error:
        raise ConversionError(
            f"{base.root}, episode {episode.index}: its frames of {key} cannot be copied ({error})",
            {episode.index: str(error)},
        ) from error


def _stats(
    base: DatasetFolder, features: Features, episode: EpisodeInfo, stored: Mapping[str, Any], videos: Mapping[str, Path]
) -> dict[str, Any]:
    """Return an episode's statistics without quantiles, which v2.1 does not have; missing ones are counted."""
    found: dict[str, Any] = {}
    for key in episode_table.with_stats(features):
        stat = {name: stored[f"stats/{key}/{name}"] for name in stats.BASE}
        if all(value is not None for value in stat.values()):
            found[key] = stat
            continue
        counted: Mapping[str, Any] | None = None
        if key in videos:
            counted = video_stats(videos[key], features[key]["shape"][2], episode.length)
        elif features[key]["dtype"] in NUMERIC_DTYPES:
            numbers = episode_table.feature_stats(features[key], base.rows(episode.index)[key])
            counted = stats.to_json(numbers) if numbers is not None else None
        if counted is not None:
            found[key] = {name: counted[name] for name in stats.BASE}
    return found


def _info(base: DatasetFolder, features: Features) -> dict[str, Any]:
    """Return `info.json` of v2.1."""
    episodes, cameras = len(base.episodes), video_keys(features)
    return {
        "codebase_version": "v2.1",
        "robot_type": base.info.get("robot_type"),
        "total_episodes": episodes,
        "total_frames": base.total_frames,
        "total_tasks": sum(1 for text in base.tasks if text),
        "total_videos": episodes * len(cameras),
        "total_chunks": -(-episodes // CHUNKS_SIZE),
        "chunks_size": CHUNKS_SIZE,
        "fps": base.fps,
        "splits": base.info.get("splits") or {"train": f"0:{episodes}"},
        "data_path": OLD_DATA_PATH,
        "video_path": OLD_VIDEO_PATH if cameras else None,
        "features": features,
    }


def _check(base: DatasetFolder, root: Path) -> None:
    """Read the new dataset back. Raises ConversionError if an episode differs."""
    old = examine(root)
    if old.problems:
        number, why = next(iter(old.problems.items()))
        raise ConversionError(f"{base.root} cannot be converted: episode {number} of the result: {why}")
    for before, now in zip(base.episodes, old.episodes, strict=True):
        tasks = list(dict.fromkeys(old.tasks[number] for number in now.tasks.tolist()))
        if (before.length, set(before.tasks)) != (now.length, set(tasks)):
            raise ConversionError(f"{base.root} cannot be converted: episode {before.index} became another one")


def _filled(template: str, number: int, key: str = "") -> str:
    """Return the path of an episode's file."""
    values = {"episode_chunk:03d": f"{number // CHUNKS_SIZE:03d}", "episode_index:06d": f"{number:06d}"}
    for name, value in {**values, "video_key": key}.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def _write_lines(path: Path, values: list[dict[str, Any]]) -> None:
    """Write a file of JSON lines, durably."""
    write_new_text(path, "".join(f"{json.dumps(value, ensure_ascii=False)}\n" for value in values))
