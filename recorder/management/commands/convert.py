"""`robotdata convert SOURCE TARGET`: make a dataset v3.0 of a folder of version v2.0 or v2.1."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from recorder.management.terminal import TerminalCommand
from recorder.models.paths import WORK
from recorder.text import sanitize_json
from robotdata.dataset.convert.examine import OldDataset, examine
from robotdata.dataset.convert.older import convert_to_older
from robotdata.dataset.convert.run import convert_dataset, refusal
from robotdata.dataset.errors import ConversionError, DatasetError
from robotdata.dataset.reader import DatasetFolder
from robotdata.numbers import count, extent


class Command(TerminalCommand):
    """The command; exit codes: 0 converted, 3 some episodes cannot be converted, 1 nothing can be converted."""

    help = (
        "Make a dataset v3.0 of a LeRobotDataset v2.0 or v2.1, or v2.1 of v3.0. Packets are copied, the original is "
        "not changed. Exit 0: converted. 3: some episodes cannot be converted, and are listed. 1: nothing can be."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the two folders, `--dry-run` and `--leave-out`."""
        parser.add_argument("source", help="the name of a folder among the datasets, or a path")
        parser.add_argument("target", help="a new name among the datasets, or the path (with a /) of a new folder")
        parser.add_argument("--to", choices=("3.0", "2.1"), default="3.0", help="2.1: write a dataset v3.0 as v2.1")
        parser.add_argument("--dry-run", action="store_true", help="examine it and say what would be done")
        parser.add_argument("--leave-out", action="store_true", help="leave out episodes that cannot be converted")

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command from a shell, and exit with its code."""
        self.code = 0
        super().run_from_argv(argv)
        sys.exit(self.code)

    def handle(self, **options: Any) -> None:
        """Convert, or only examine. Raise CommandError if the source cannot be read or the target exists."""
        datasets = Path(settings.DATASETS_DIR)
        source = _source(datasets, options["source"])
        target = datasets / options["target"] if "/" not in options["target"] else Path(options["target"])
        if target.exists():
            raise CommandError(f"{target} exists already: choose another name.")
        try:
            older = options["to"] == "2.1"
            if options["dry_run"] and older:
                opened = DatasetFolder.open(source)
                self._say(f"{source}: {len(opened.episodes)} episodes would be written as v2.1. Nothing was written.")
                return
            if options["dry_run"]:
                self._report(examine(source), leave_out=options["leave_out"])
                return
            work = target.resolve().parent / WORK
            if older:
                made = convert_to_older(source, target, work=work, progress=self._progress)
            else:
                leave_out = options["leave_out"]
                made = convert_dataset(source, target, work=work, leave_out=leave_out, progress=self._progress)
            with contextlib.suppress(OSError):  # other states are being built in it
                work.rmdir()
        except (DatasetError, OSError) as error:
            code = 3 if isinstance(error, ConversionError) and error.problems else 1
            raise CommandError(sanitize_json(str(error)), returncode=code) from error
        for note in made.notes:
            self._say(f"note: {note}")
        self._say(f"{target}: {extent(made.episodes, made.frames)}, v{options['to']}. {source} is unchanged.")

    def _report(self, old: OldDataset, *, leave_out: bool) -> None:
        for note in old.notes:
            self._say(f"note: {note}")
        for number, why in old.problems.items():
            self._say(f"episode {number}: {why}")
        self._say(
            f"{old.meta.root}, {old.meta.version}: {count(len(old.episodes), 'episode')} with "
            f"{count(old.frames, 'frame')} would be converted, {len(old.problems)} cannot be. Nothing was written."
        )
        if old.problems and not leave_out:
            self._say(refusal(old))
            self.code = 3

    def _progress(self, done: int, total: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\rstep {done} of {total}", ending="" if done < total else "\n")

    def _say(self, text: str) -> None:
        self.stdout.write(sanitize_json(text))


def _source(datasets: Path, name: str) -> Path:
    """Return the folder with this name among the datasets, or at this path. Raise CommandError if there is none."""
    by_name = datasets / name
    source = by_name if by_name.is_dir() else Path(name)
    if not source.is_dir():
        raise CommandError(f"{name!r} does not exist, neither in {datasets} nor as a path.")
    return source
