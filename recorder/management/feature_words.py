"""The words of `robotdata edit` that change features, names and statistics: read, previewed in words, done."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.utils import timezone

from recorder.management.edit_words import frame_range
from recorder.models.paths import revisions_of, work_of
from recorder.templatetags.formatting import size
from robotdata.dataset.errors import EditError
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.change_preview import ChangePreview, preview_change
from robotdata.dataset.write.change_run import change_features
from robotdata.dataset.write.feature_change import (
    SUCCESS,
    Added,
    Constant,
    FeatureChange,
    FromColumn,
    FromLabels,
    Scalar,
    Source,
)
from robotdata.numbers import count as count_of
from robotdata.numbers import extent

Say = Callable[[str], None]
_TRUE_FALSE = {"true": True, "false": False}


def add_feature_words(add: Callable[[str, str], ArgumentParser]) -> None:
    """Add one subcommand for each change."""
    sub = add("remove-features", "remove cameras, with their videos, or columns")
    sub.add_argument("keys", nargs="+", metavar="NAME")
    sub = add("rename-features", "give cameras or columns other names")
    sub.add_argument("pairs", nargs="+", metavar="OLD=NEW")
    sub = add("add-feature", "write a new column: a constant, from another column, or from labels")
    sub.add_argument("name")
    source = sub.add_mutually_exclusive_group(required=True)
    source.add_argument("--value", help="the same in every row: true, 3, 0.5, a text, or numbers such as 1,2,3")
    source.add_argument("--from", dest="column", metavar="NAME", help="the values of another column")
    text = "a value for episodes with this label; give one for each label"
    source.add_argument("--label", action="append", metavar="LABEL=VALUE", help=text)
    text = "true in the last row of episodes labelled success, false in all others"
    source.add_argument("--success", action="store_true", help=text)
    sub.add_argument("--part", type=frame_range, metavar="FIRST:END", help="with --from: only these of its values")
    sub.add_argument("--last-row", action="store_true", help="with --label: only in the last row of an episode")
    sub.add_argument("--default", metavar="VALUE", help="for episodes that have none of the labels")
    sub.add_argument("--dtype", default="", help="bool, int64, float32, string ...; that of the values by default")
    sub.add_argument("--names", type=_words, metavar="A,B,C", help="the names of its values")
    sub = add("set-info", "change words of meta/info.json")
    sub.add_argument("--robot-type")
    text = "names of the values of a feature, such as action=pan,lift,grip"
    sub.add_argument("--names", action="append", default=[], metavar="NAME=A,B,C", help=text)
    sub = add("statistics", "compute the statistics of the numbers again")
    sub.add_argument("--cameras", action="store_true", help="also those of cameras, of which frames are decoded")


def change_features_by_words(say: Say, root: Path, options: dict[str, Any]) -> None:
    """Say what would be done, and do it unless it is a dry run."""
    change, base = change_of(options), DatasetFolder.open(root)
    for line in preview_lines(preview_change(base, change), change):
        say(line)
    if options["dry_run"]:
        return
    made_by = {"by": "robotdata edit", "at": timezone.now().isoformat(timespec="seconds")}
    result = change_features(root, change, work=work_of(root), revisions=revisions_of(root), made_by=made_by)
    made = extent(result.episodes, result.frames)
    say(f"{root}: {made}, revision {result.revision}")


def change_of(options: dict[str, Any]) -> FeatureChange:
    """Return the change that the words ask for. Raises EditError."""
    kind = options["change"]
    if kind == "remove-features":
        return FeatureChange(remove=options["keys"])
    if kind == "rename-features":
        return FeatureChange(rename=_pairs(options["pairs"], "OLD=NEW"))
    if kind == "statistics":
        return FeatureChange(statistics="all" if options["cameras"] else "numbers")
    if kind == "set-info":
        names = {key: _words(text) for key, text in _pairs(options["names"], "NAME=A,B,C").items()}
        return FeatureChange(robot_type=options["robot_type"], names=names)
    return FeatureChange(add=[Added(options["name"], _source(options), options["dtype"], options["names"])])


def preview_lines(preview: ChangePreview, change: FeatureChange) -> list[str]:
    """Return what a change would do, one line for each part."""
    lines = []
    for each in preview.removed:
        what = f"{count_of(each.files, 'video file')}, " if each.files else ""
        lines.append(f"remove {each.name} ({what}{size(each.size_bytes)}); the revision before keeps it")
    lines += [f"rename {old} to {new}" for old, new in preview.renamed.items()]
    for added in preview.added:
        shape = "" if added.shape == [1] else f" {added.shape}"
        lines.append(f"add {added.name} ({added.dtype}{shape}) to {count_of(preview.frames, 'row')}")
        lines += [f"  {value}: {count_of(count, 'episode')}" for value, count in added.episodes.items()]
        if added.without:
            lines.append(f"  {added.without} of these have none of the labels and get the default")
    if change.robot_type is not None:
        lines.append(f"robot_type becomes {change.robot_type!r}")
    lines += [f"the values of {key} are named {', '.join(names)}" for key, names in change.names.items()]
    if change.statistics:
        frames = f", decoding {count_of(preview.decoded_frames, 'frame')}" if preview.decoded_frames else ""
        lines.append(f"compute the statistics of {count_of(preview.episodes, 'episode')} again{frames}")
    if preview.rewritten_bytes:
        lines.append(f"write {size(preview.rewritten_bytes)} of data files again; videos stay as they are")
    return lines


def _source(options: dict[str, Any]) -> Source:
    text = options["dtype"] == "string"
    default = None if options["default"] is None else _value(options["default"], text=text)
    if options["column"] is not None:
        return FromColumn(options["column"], options["part"])
    if options["success"]:
        return FromLabels(SUCCESS.values, SUCCESS.at, default)
    if options["label"] is not None:
        values = {label: _value(word, text=text) for label, word in _pairs(options["label"], "LABEL=VALUE").items()}
        return FromLabels(values, "last" if options["last_row"] else "all", default)
    value: str = options["value"]
    parts = [_value(part.strip(), text=text) for part in value.split(",")]
    several = len(parts) > 1 and all(type(part) in (int, float) for part in parts)
    return Constant(parts if several else _value(value, text=text))


def _value(word: str, *, text: bool) -> Scalar:
    """Return a word as true or false, a whole number or a number where it is one, else as text."""
    if text:
        return word
    if word.lower() in _TRUE_FALSE:
        return _TRUE_FALSE[word.lower()]
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _pairs(words: Sequence[str], form: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    if wrong := next((word for word, pair in zip(words, pairs, strict=True) if not pair[0] or not pair[2]), None):
        raise EditError(f"{wrong!r} is not of the form {form}")
    if len({left for left, _, _ in pairs}) < len(pairs):
        raise EditError(f"{words[0].partition('=')[0]!r} is given twice; give each once")
    return {left: right for left, _, right in pairs}


def _words(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise ArgumentTypeError(f"{text!r} is not a list of names: write it like a,b,c")
    return words
