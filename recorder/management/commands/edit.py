"""`robotdata edit DATASET ...`: change a dataset's folder without the web; what stays is copied, not encoded again."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from recorder.management import edit_shape
from recorder.management.edit_words import (
    EPISODES,
    episode_numbers,
    frame_range,
    indices_of,
    names_of,
    parts_of,
    rest_note,
)
from recorder.management.feature_words import add_feature_words, change_features_by_words
from recorder.management.terminal import TerminalCommand
from recorder.models.paths import datasets_root, revision_problem, revisions_of, work_of
from recorder.text import sanitize_json
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.edit import edit_episodes, preview_edit
from robotdata.dataset.write.fit import Names
from robotdata.dataset.write.swap import is_fresh
from robotdata.dataset.write.transfer import (
    How,
    Transferred,
    Where,
    copy_episodes,
    duplicate,
    merge,
    move_episodes,
    split,
)
from robotdata.dataset.write.transfer_preview import Preview, emptied_note, preview_copy, preview_merge
from robotdata.numbers import count, extent, seconds, size
from robotdata.numbers import frame_range as frame_range_text

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}")


class Command(TerminalCommand):
    """The command; exit codes: 0 done, 1 refused with the reason."""

    help = "Change a dataset: delete, trim, cut, copy, merge, re-encode, features. --dry-run says what it would do."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the dataset, and one subcommand for each change."""
        parser.add_argument("dataset", help="a dataset's name, or the path of any LeRobotDataset v3.0 folder")
        changes = parser.add_subparsers(dest="change", required=True, metavar="CHANGE")

        def add(name: str, text: str) -> ArgumentParser:
            sub: ArgumentParser = changes.add_parser(name, help=text, description=text)
            sub.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
            return sub

        add("delete", "delete episodes").add_argument("episodes", type=episode_numbers, help=EPISODES)
        sub = add("trim", "keep only some frames of episodes")
        sub.add_argument("frames", type=frame_range, help="FIRST:END, such as 10:250")
        sub.add_argument("episodes", type=episode_numbers, help=EPISODES)
        sub = add("relabel", "give episodes another task")
        sub.add_argument("task")
        sub.add_argument("episodes", type=episode_numbers, help=EPISODES)
        for name, text in (("copy", "copy episodes"), ("move", "move episodes")):
            sub = add(name, f"{text} to another dataset, or to a new one")
            sub.add_argument("episodes", type=episode_numbers, help=EPISODES)
            _add_destination(sub, maps=True)
        sub = add("split", "make new datasets of parts; the dataset itself stays")
        sub.add_argument("parts", nargs="+", help="NAME=SHARE (train=0.8 val=0.2) or NAME=EPISODES (val=8,9)")
        sub = add("merge", "make one new dataset of several; names and features are those of DATASET")
        sub.add_argument("others", nargs="+", help="names or paths of the other datasets")
        _add_destination(sub, maps=True)
        _add_destination(add("duplicate", "copy the whole dataset"), maps=False)
        add_feature_words(add)
        edit_shape.add_arguments(add)

    def handle(self, **options: Any) -> None:
        """Make the change, or say what it would be. Raise CommandError with the reason if it is refused."""
        try:
            root = existing(options["dataset"])
            _CHANGES.get(options["change"], change_features_by_words)(self._say, root, options)
        except DatasetError as error:
            raise CommandError(f"{error}.") from error

    def _say(self, text: str) -> None:
        self.stdout.write(sanitize_json(text))


Say = Callable[[str], None]


def existing(name: str) -> Path:
    """Return the folder of a dataset, by its name or path. Raises CommandError."""
    by_name = datasets_root() / name
    root = by_name if _NAME.fullmatch(name) and by_name.is_dir() else Path(name)
    if not root.is_dir():
        raise CommandError(f"Dataset {name!r} does not exist, neither in {datasets_root()} nor as a path.")
    if problem := revision_problem(root):
        raise CommandError(f"{problem}.")
    return root


def destination(name: str) -> Path:
    """Return where a dataset is or will be: a plain name is one among the datasets, all else a path."""
    if "/" in name or name in {".", ".."}:
        return Path(name)
    if not _NAME.fullmatch(name):
        raise CommandError(f"{name!r} cannot be a dataset's name: use letters, digits, - _ and .")
    return datasets_root() / name


def _add_destination(sub: ArgumentParser, *, maps: bool) -> None:
    sub.add_argument("--to", required=True, metavar="DATASET", help="its name or path")
    if maps:
        text = "their name of a feature or camera and ours; THEIRS= leaves it out"
        sub.add_argument("--map", action="append", default=[], metavar="THEIRS=OURS", help=text)
        text = "their name of a joint and ours"
        sub.add_argument("--map-joint", action="append", default=[], metavar="THEIRS=OURS", help=text)
        text = "their text of a task and ours"
        sub.add_argument("--map-task", action="append", default=[], metavar="THEIRS=OURS", help=text)


def _edit(say: Say, root: Path, options: dict[str, Any]) -> None:
    """Delete, trim or relabel."""
    change, dataset = options["change"], DatasetFolder.open(root)
    numbers = indices_of(dataset, options["episodes"])
    changes: dict[str, dict[str, Any]] = {
        "delete": {"delete": numbers},
        "trim": {"trims": dict.fromkeys(numbers, options.get("frames"))},
        "relabel": {"tasks": dict.fromkeys(numbers, options.get("task"))},
    }
    arguments = changes[change]
    kept = preview_edit(dataset, **arguments)
    say(f"{change} {_counted(preview_copy(dataset, numbers))} of {root.name}, which has {len(dataset.episodes)}")
    if options["dry_run"]:
        for number, (first, end) in sorted(kept.items()):
            say(f"{dataset.episode(number).name}: {frame_range_text(first, end)} would be kept")
        return
    result = edit_episodes(root, **arguments, work=work_of(root), revisions=revisions_of(root))
    for number, (first, end) in sorted(result.trimmed.items()):
        say(f"{dataset.episode(number).name}: kept frames {first} to {end - 1}")
    say(f"{root}: {extent(result.episodes, result.frames)}, revision {result.revision}")


def _transfer(say: Say, root: Path, options: dict[str, Any]) -> None:
    """Copy or move."""
    dest, names = destination(options["to"]), _names(options)
    base = None if is_fresh(dest) else DatasetFolder.open(dest)
    source = DatasetFolder.open(root)
    numbers = indices_of(source, options["episodes"])
    preview = preview_copy(source, numbers, base, names)
    say(f"{options['change']} {_counted(preview)} of {root.name} to {dest} ({'new' if base is None else 'existing'})")
    _say_differences(say, preview)
    if options["change"] == "move" and (note := emptied_note(root.name, len(source.episodes), len(numbers))):
        say(f"note: {note}")
    if options["dry_run"]:
        return
    if options["change"] == "move":
        _say_result(say, move_episodes(root, numbers, dest, where(root), where(dest), names=names, how=_how()))
    else:
        _say_result(say, copy_episodes(root, numbers, dest, where(dest), names=names, how=_how()))


def _split(say: Say, root: Path, options: dict[str, Any]) -> None:
    dataset = DatasetFolder.open(root)
    total = len(dataset.episodes)
    named = parts_of(options["parts"], total)
    parts = {destination(name): indices_of(dataset, numbers) for name, numbers in named.items()}
    for dest, numbers in parts.items():
        say(f"{dest}: {len(numbers)} of {_counted(preview_copy(dataset, numbers), total)}")
    if note := rest_note(options["parts"], named, total):
        say(f"note: {note}")
    if not options["dry_run"]:
        for result in split(root, parts, {dest: where(dest) for dest in parts}, how=_how()):
            _say_result(say, result)


def _merge(say: Say, root: Path, options: dict[str, Any]) -> None:
    roots, dest, names = [root, *map(existing, options["others"])], destination(options["to"]), _names(options)
    preview = preview_merge([DatasetFolder.open(each) for each in roots], names)
    say(f"merge {_counted(preview)} of {count(len(roots), 'dataset')} into {dest}")
    _say_differences(say, preview)
    if not options["dry_run"]:
        _say_result(say, merge(roots, dest, where(dest), names=names, how=_how()))


def _duplicate(say: Say, root: Path, options: dict[str, Any]) -> None:
    dataset, dest = DatasetFolder.open(root), destination(options["to"])
    say(f"duplicate {_counted(preview_copy(dataset, [e.index for e in dataset.episodes]))} to {dest}")
    if not options["dry_run"]:
        _say_result(say, duplicate(root, dest, where(dest), how=_how()))


def _reshape(say: Say, root: Path, options: dict[str, Any]) -> None:
    """Change time or pictures."""
    edit_shape.change_shape(say, root, options, where(root), _how())


_CHANGES: dict[str, Callable[[Say, Path, dict[str, Any]], None]] = {
    "delete": _edit,
    "trim": _edit,
    "relabel": _edit,
    "copy": _transfer,
    "move": _transfer,
    "split": _split,
    "merge": _merge,
    "duplicate": _duplicate,
    **dict.fromkeys(edit_shape.SHAPE_CHANGES, _reshape),
}


def where(root: Path) -> Where:
    """Return where the next and the earlier states of the dataset in `root` are."""
    return Where(work_of(root), revisions_of(root))


def _how() -> How:
    return How(made_by={"by": "robotdata edit", "at": timezone.now().isoformat(timespec="seconds")})


def _names(options: dict[str, Any]) -> Names:
    return names_of(options["map"], options["map_joint"], options["map_task"])


def _counted(preview: Preview, of: int | None = None) -> str:
    about = f"{count(preview.frames, 'frame')}, {seconds(preview.seconds)}, {size(preview.size_bytes)}"
    return f"{count(preview.episodes if of is None else of, 'episode')} ({about})"


def _say_differences(say: Say, preview: Preview) -> None:
    for name, each in preview.differing:
        say(f"does not fit: {each.what} is {each.rig} in {name}, {each.dataset} there")
    for name, each in preview.notes:
        say(f"note: {each.what} is {each.rig} in {name}, {each.dataset} there")
    for text in preview.new_tasks:
        say(f"new task: {text}")


def _say_result(say: Say, result: Transferred) -> None:
    made = extent(result.episodes, result.frames)
    say(f"{result.root}: {made}, revision {result.revision}")
