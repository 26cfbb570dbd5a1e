"""Write an episode or a take as a log that Foxglove and Lichtblick (MCAP) or Rerun (.rrd) open."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

from recorder.catalog.language import language_of
from recorder.models import Episode
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.reader import DatasetFolder
from robotdata.export.log import write_episode_log, write_take_log
from robotdata.export.log_file import MakeLog
from robotdata.export.mcap_file import McapFile
from robotdata.export.rrd_file import RrdFile

_SECOND = 1_000_000_000


MCAP, RRD = "mcap", "rrd"
_MAKERS: dict[str, MakeLog] = {MCAP: McapFile, RRD: RrdFile}
KINDS = tuple(_MAKERS)
"""The kinds of logs, as their files end."""
_PACKAGES = {MCAP: ("mcap", "google.protobuf"), RRD: ("rerun",)}


def can_write_logs(kind: str = MCAP) -> bool:
    """Return whether the packages that write this kind of log are installed."""
    try:
        return all(importlib.util.find_spec(name) is not None for name in _PACKAGES[kind])
    except ModuleNotFoundError:  # no package google
        return False


def log_facts(episode: Episode) -> dict[str, str]:
    """Return what the metadata of the file says of the episode."""
    facts = {
        "dataset": episode.dataset.slug,
        "episode": episode.name,
        "episode_index": "" if episode.episode_index is None else str(episode.episode_index),
        "id": str(episode.pk),
        "task": episode.task,
        "recorded_at": episode.recorded_at.isoformat(),
        "rig": episode.rig.name if episode.rig else "",
    }
    return {name: text for name, text in facts.items() if text}


def log_size(episode: Episode) -> int:
    """Return about how many bytes the log will have: those of the take, or the episode's share of its files.

    Raises DatasetError and OSError.
    """
    if not episode.is_committed or episode.episode_index is None:
        return sum(path.stat().st_size for path in episode.take_path.iterdir())
    opened = DatasetFolder.open(episode.dataset.path)
    frames: Counter[Path] = Counter()
    for each in opened.episodes:
        frames.update(_frames_in(each))
    own = _frames_in(opened.episode(episode.episode_index))
    return sum(path.stat().st_size * count // max(1, frames[path]) for path, count in own.items() if path.is_file())


def _frames_in(info: EpisodeInfo) -> dict[Path, int]:
    """Return how many frames of the episode each of its files holds."""
    rows = {info.data_file: info.length} if info.data_file else {}
    return rows | {span.path: span.frames for span in info.videos.values()}


def write_log(episode: Episode, path: Path, kind: str = MCAP) -> None:
    """Write the new file `path`, a log of one of KINDS: of a take what its trim keeps, as its dataset gets it.

    An episode of a dataset begins when it was recorded. Raises SpoolError, DatasetError, ExportError and OSError.
    """
    facts = log_facts(episode)
    if episode.is_committed and episode.episode_index is not None:
        begin = max(0, round(episode.recorded_at.timestamp() * _SECOND))
        root, index = episode.dataset.path, episode.episode_index
        write_episode_log(root, index, path, uuid=episode.pk, start_ns=begin, facts=facts, make=_MAKERS[kind])
    else:
        ticks, action = (episode.trim_first, episode.trim_end), episode.dataset.recorded_action
        said = language_of(episode).language
        make, take = _MAKERS[kind], episode.take_path
        write_take_log(take, path, ticks=ticks, recorded_action=action, language=said, facts=facts, make=make)
