"""`robotdata rename DATASET TITLE`: give a dataset another title, and with `--folder` its folder another name."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from recorder.actor import COMMAND
from recorder.catalog.dataset_trash import rename_dataset
from recorder.errors import Refused
from recorder.management.terminal import TerminalCommand
from recorder.models import Dataset
from recorder.text import sanitize_json


class Command(TerminalCommand):
    """The command; exit codes: 0 done, 1 refused with the reason."""

    help = "Rename a dataset. With --folder its folder and its address get a name that is derived from the title."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the dataset, its title and `--folder`."""
        parser.add_argument("dataset", help="the dataset's name")
        parser.add_argument("title", help="its new title")
        parser.add_argument("--folder", action="store_true", help="rename its folder, too")

    def handle(self, **options: Any) -> None:
        """Rename it. Raise CommandError with the reason if it is refused."""
        row = Dataset.objects.filter(slug=options["dataset"]).first()
        if row is None:
            raise CommandError(f"There is no dataset {options['dataset']!r}.")
        try:
            renamed = rename_dataset(dataset=row, title=options["title"], folder=options["folder"], actor=COMMAND)
        except Refused as error:
            raise CommandError(sanitize_json(error.message)) from error
        self.stdout.write(sanitize_json(f"{renamed.title}: {renamed.path}"))
