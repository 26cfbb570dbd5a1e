"""`robotdata add PATH`: add the datasets in a folder or a zip file of this computer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from recorder.actor import COMMAND
from recorder.catalog.additions import add_paths, look_into
from recorder.errors import Refused
from recorder.text import sanitize_json


class Command(BaseCommand):
    """The command; exit codes: 0 all were added, 3 some of them cannot be opened, 1 nothing was added."""

    help = (
        "Add the datasets in a folder or zip file: a dataset, a folder of datasets, a LeRobot home, the Hub's cache. "
        "What is in the home already is used where it is; everything else is copied."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the path and `--list`."""
        parser.add_argument("path", help="a folder or a zip file")
        parser.add_argument("--list", action="store_true", help="only list what would be added")

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command from a shell, and exit with its code."""
        self.problems = 0
        super().run_from_argv(argv)
        sys.exit(3 if self.problems else 0)

    def handle(self, **options: Any) -> None:
        """List or add the datasets. Raise CommandError if nothing can be added."""
        try:
            found = look_into(path=str(Path(options["path"]).expanduser().absolute()), actor=COMMAND)
            if options["list"]:
                for each in found:
                    note = f" ({each.problem})" if each.problem else ""
                    self.stdout.write(sanitize_json(f"{each.path}{note}"))
                return
            addition = add_paths(paths=[each.path for each in found], actor=COMMAND, wait=True)
        except Refused as error:
            raise CommandError(sanitize_json(error.message)) from error
        for landed in addition.landed:
            state = f"cannot be opened. {landed.problem}" if landed.problem else "was added"
            note = f". {landed.note}" if landed.note else ""
            self.stdout.write(sanitize_json(f"{landed.name} {state}{note}"))
        self.problems = sum(bool(landed.problem) for landed in addition.landed)
        if addition.error:
            raise CommandError(sanitize_json(addition.error))
