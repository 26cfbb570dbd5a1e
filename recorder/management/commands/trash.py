"""`robotdata trash`: list the datasets in the trash; delete one to it, restore it, or delete it permanently."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from recorder.actor import COMMAND
from recorder.catalog.dataset_trash import (
    TRASH_KEPT,
    delete_permanently,
    restore_dataset,
    trash_dataset,
    trashed_datasets,
)
from recorder.errors import Refused
from recorder.management.terminal import TerminalCommand
from recorder.models import Dataset
from recorder.text import format_time, sanitize_json
from robotdata.numbers import count


class Command(TerminalCommand):
    """The command; exit codes: 0 done, 1 refused with the reason."""

    help = f"List the datasets in the trash, or delete DATASET to it. They are kept for {TRASH_KEPT.days} days."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the dataset, and what to do with one in the trash."""
        parser.add_argument("dataset", nargs="?", help="the name of a dataset that goes to the trash")
        one_of = parser.add_mutually_exclusive_group()
        one_of.add_argument("--restore", metavar="NAME", help="bring back the dataset with this name in the trash")
        one_of.add_argument("--delete", metavar="NAME", help="delete it permanently; this cannot be undone")

    def handle(self, **options: Any) -> None:
        """Do it, or list the trash. Raise CommandError with the reason if it is refused."""
        try:
            if options["dataset"]:
                row = Dataset.objects.filter(slug=options["dataset"]).first()
                if row is None:
                    raise CommandError(f"There is no dataset {options['dataset']!r}.")
                trashed = trash_dataset(dataset=row, actor=COMMAND)
                self._say(f"{row.title} is in the trash as {trashed.name} until {format_time(trashed.until)}.")
            elif options["restore"]:
                restored = restore_dataset(name=options["restore"], actor=COMMAND)
                self._say(f"{restored.title} is back in {restored.path}.")
            elif options["delete"]:
                delete_permanently(name=options["delete"], actor=COMMAND)
                self._say(f"{options['delete']} is deleted.")
            else:
                self._list()
        except Refused as error:
            raise CommandError(sanitize_json(error.message)) from error

    def _list(self) -> None:
        for one in trashed_datasets():
            self._say(f"{one.name}: {one.title}, {count(one.episodes, 'episode')}, until {format_time(one.until)}")

    def _say(self, text: str) -> None:
        self.stdout.write(sanitize_json(text))
