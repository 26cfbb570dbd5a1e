"""`manage.py verify DATASET`: check a dataset's folder independently of the database, and print its problems."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from recorder.management.terminal import TerminalCommand
from recorder.text import sanitize_json
from robotdata.dataset.verify.check import verify_dataset
from robotdata.numbers import count, extent


class Command(TerminalCommand):
    """The command; exit codes: 0 no problem, 3 problems, 1 no such dataset."""

    help = "Check a dataset. Exit 0: nothing wrong. 3: problems, which are printed. 1: no such dataset."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the dataset and `--deep`."""
        parser.add_argument("dataset", help="a dataset's name, or the path of any LeRobotDataset v3.0 folder")
        parser.add_argument("--deep", action="store_true", help="decode every frame and check every hash")

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command from a shell, and exit with its code."""
        self.problems = 0
        super().run_from_argv(argv)
        sys.exit(3 if self.problems else 0)

    def handle(self, **options: Any) -> None:
        """Check the dataset and print its problems. Raise CommandError if it does not exist."""
        by_name = Path(settings.DATASETS_DIR) / options["dataset"]
        root = by_name if by_name.is_dir() else Path(options["dataset"])
        if not root.is_dir():
            raise CommandError(
                f"Dataset {options['dataset']!r} does not exist, neither in {by_name.parent} nor as a path."
            )
        report = verify_dataset(root, deep=options["deep"])
        for problem in report.problems:
            self.stdout.write(sanitize_json(str(problem)))
        for note in report.notes:
            self.stdout.write(sanitize_json(f"note: {note}"))
        self.problems = report.count
        if any(problem.number for problem in report.problems):
            self.stdout.write("An episode is named by its index, from 0; (#12) is its number on the pages.")
        result = count(self.problems, "problem") if self.problems else "nothing wrong"
        read = extent(report.episodes, report.frames)
        self.stdout.write(f"{root}: {read}: {result}")
