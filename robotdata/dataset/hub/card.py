"""The card of a dataset: README.md of its repository, from what its folder says.

Names and tasks come from datasets of strangers. They are written in code spans, whose content Markdown does not read,
and no text of theirs is in the YAML at the top.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from robotdata.dataset.features import DEFAULT_FEATURES, flat_names, frame_size, is_camera, is_depth
from robotdata.dataset.layout import Layout
from robotdata.dataset.reader import DatasetFolder

LICENCES = ("apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "other")
"""Licences that the Hub knows and people choose for datasets."""
MAX_CARD_BYTES = 200_000
_SHOWN_TASKS, _SHOWN_NAMES, _TEXT_LENGTH = 50, 32, 200
_ACTIONS = {
    "sent": "what the robot was sent, after its limits",
    "requested": "what the teleoperator requested, before the robot's limits",
}


def card_of(dataset: DatasetFolder, *, title: str, repository: str, licence: str = "") -> str:
    """Return the card as Markdown with YAML at its top. `licence` is one of LICENCES, or empty."""
    parts = [_head(dataset, title, licence), f"# {code(title)}", _summary(dataset), _cameras(dataset)]
    parts += [_columns(dataset), _tasks(dataset), _recorded(dataset), _loading(repository)]
    return "\n\n".join(part for part in parts if part) + "\n"


def code(text: object) -> str:
    """Return text of anybody as a code span: nothing in it is a link, a tag or a heading, and it ends no table cell."""
    clean = "".join(letter if letter.isprintable() else " " for letter in str(text))
    clean = " ".join(clean.split()).replace("|", "¦") or "-"
    clean = clean if len(clean) <= _TEXT_LENGTH else clean[:_TEXT_LENGTH] + "…"
    fence = "`" * (max((len(run) for run in re.findall("`+", clean)), default=0) + 1)
    pad = " " if clean.startswith("`") or clean.endswith("`") else ""
    return f"{fence}{pad}{clean}{pad}{fence}"


def _head(dataset: DatasetFolder, title: str, licence: str) -> str:
    lines = ["---"]
    if licence:
        lines.append(f"license: {licence}")
    data = Layout.of(dataset.root, dataset.info).data.glob
    lines += [
        f"pretty_name: {_yaml(title)}",
        "task_categories:",
        "- robotics",
        "tags:",
        "- LeRobot",
        "configs:",
        "- config_name: default",
        f"  data_files: {_yaml(data)}",
        "---",
    ]
    return "\n".join(lines)


def _yaml(text: str) -> str:
    """Return text as a quoted YAML scalar on one line: JSON's, in ASCII, is one."""
    return json.dumps(" ".join(text.split())[:_TEXT_LENGTH])


def _summary(dataset: DatasetFolder) -> str:
    frames, fps = dataset.total_frames, float(dataset.fps)
    facts = [
        ("Robot", code(dataset.robot_type) if dataset.robot_type else "not stated"),
        ("Episodes", f"{len(dataset.episodes):,}"),
        ("Frames", f"{frames:,}"),
        ("Duration", _duration(frames / fps)),
        ("Rate", f"{fps:g} fps"),
        ("Format", "LeRobotDataset v3.0"),
    ]
    return _table(("", ""), facts)


def _cameras(dataset: DatasetFolder) -> str:
    rows = []
    for key, feature in dataset.features.items():
        if not is_camera(feature):
            continue
        width, height = frame_size(feature)
        info = feature.get("info") or feature.get("video_info") or {}
        coded = info.get("video.codec") if isinstance(info, Mapping) else None
        kind = "depth" if is_depth(feature) else "color"
        rows.append((code(key), f"{width} x {height}", kind, code(coded) if coded else str(feature["dtype"])))
    return "## Cameras\n\n" + _table(("Camera", "Size", "Kind", "Codec"), rows) if rows else ""


def _columns(dataset: DatasetFolder) -> str:
    rows = []
    for key, feature in dataset.features.items():
        if is_camera(feature) or key in DEFAULT_FEATURES:
            continue
        names = flat_names(feature) or []
        more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
        shape = " x ".join(str(side) for side in feature["shape"])
        rows.append((code(key), code(feature["dtype"]), shape, ", ".join(map(code, names[:_SHOWN_NAMES])) + more))
    return "## Columns\n\n" + _table(("Column", "Type", "Shape", "Names"), rows) if rows else ""


def _tasks(dataset: DatasetFolder) -> str:
    counts = Counter(task for episode in dataset.episodes for task in episode.tasks)
    if not counts:
        return ""
    shown = counts.most_common(_SHOWN_TASKS)
    lines = [f"- {code(task)}: {count:,} episode{'' if count == 1 else 's'}" for task, count in shown]
    if len(counts) > len(shown):
        lines.append(f"- and {len(counts) - len(shown):,} more")
    return "## Tasks\n\n" + "\n".join(lines)


def _recorded(dataset: DatasetFolder) -> str:
    if not dataset.revision:
        return ""
    text = "Recorded and curated with robotdata."
    if meaning := _ACTIONS.get(dataset.recorded_action):
        text += f" `action` is {meaning}."
    return f"## How it was recorded\n\n{text}"


def _loading(repository: str) -> str:
    return (
        "## Use it\n\n```python\nfrom lerobot.datasets.lerobot_dataset import LeRobotDataset\n\n"
        f"dataset = LeRobotDataset({json.dumps(repository)})\nprint(dataset.num_episodes, dataset[0].keys())\n```"
    )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
