"""Compare what `info.json` states about a camera's streams with the streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from robotdata.dataset.features import Feature
from robotdata.dataset.layout import INFO
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.verify.report import Report
from robotdata.video.errors import VideoError
from robotdata.video.facts import VideoFacts, probe

# Names of encoders, tags and others that programs have written in place of the codec's name.
_CODECS = {
    "libsvtav1": "av1",
    "libaom-av1": "av1",
    "av01": "av1",
    "libx264": "h264",
    "avc1": "h264",
    "avc": "h264",
    "libx265": "hevc",
    "h265": "hevc",
    "hvc1": "hevc",
    "hev1": "hevc",
}
_WRONG = "LeRobot compares and encodes again by it when it merges, splits and deletes"


def check_streams(dataset: DatasetFolder, key: str, paths: Iterable[Path], report: Report) -> None:
    """Report what `info.json` states about the streams of camera `key` and is true of none of its files.

    LeRobot writes it once, from the first file. What is true of some files only is a note, because all readers accept a
    dataset that was extended with another encoder.
    """
    statements = stated(dataset.features[key])
    if not statements:
        return
    facts = [file_facts for path in paths if (file_facts := _facts(path)) is not None]
    for name, value in statements.items():
        differing = [each for each in facts if not _agrees(name, value, each)]
        if not differing:
            continue
        first = differing[0].path
        file = first.relative_to(report.root).as_posix() if first.is_relative_to(report.root) else str(first)
        difference = f"{key}: {name} is {value!r:.60}, {file} has {_value(name, differing[0])!r}"
        if len(differing) == len(facts):
            report.add(INFO, f"{difference}; {_WRONG}")
        else:
            report.note(f"{INFO}: {difference}, as {len(differing)} of {len(facts)} files have; they are read anyway")


def stated(feature: Feature) -> dict[str, Any]:
    """Return what `info`, or `video_info` of older programs, states about the stream, without nulls."""
    blocks = (feature.get("video_info"), feature.get("info"))
    statements = {name: value for block in blocks if isinstance(block, Mapping) for name, value in block.items()}
    return {name: statements[name] for name in _VALUES if statements.get(name) is not None}


def _facts(path: Path) -> VideoFacts | None:
    try:
        return probe(path)
    except (VideoError, OSError):
        return None  # reported where its packets are counted


_VALUES: dict[str, Callable[[VideoFacts], Any]] = {
    "video.height": lambda facts: facts.height,
    "video.width": lambda facts: facts.width,
    "video.codec": lambda facts: facts.codec,
    "video.pix_fmt": lambda facts: facts.pix_fmt,
    "video.fps": lambda facts: round(facts.fps, 3),
    "video.channels": lambda facts: facts.channels,
    "has_audio": lambda facts: facts.audio is not None,
}


def _value(name: str, facts: VideoFacts) -> Any:
    return _VALUES[name](facts)


def _agrees(name: str, value: Any, facts: VideoFacts) -> bool:
    if name == "video.fps":
        return any(_same_rate(value, float(rate)) for rate in (facts.rate, facts.average_rate))
    if isinstance(value, bool) != (name == "has_audio"):
        return False
    if name == "video.codec":
        value = _CODECS.get(str(value).lower(), value)
    if name == "video.pix_fmt":  # the j means full range, which other builds of FFmpeg state separately
        return str(value).replace("yuvj", "yuv") == facts.pix_fmt.replace("yuvj", "yuv")
    return bool(value == _value(name, facts))


def _same_rate(value: Any, rate: float) -> bool:
    """Return whether two rates are equal up to rounding: LeRobot truncates the rate, people round it."""
    return not isinstance(value, bool) and isinstance(value, int | float) and abs(value - rate) < 1
