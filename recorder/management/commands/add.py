"""`robotdata add SOURCE`: add the datasets in a folder or a zip file of this computer, or of the Hub or a bucket."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from recorder.actor import COMMAND
from recorder.catalog.additions import add_from_hub, add_paths, look_into
from recorder.errors import Refused
from recorder.management.terminal import TerminalCommand
from recorder.text import sanitize_json
from robotdata.dataset.exchange.addition import INTERRUPTED, Addition
from robotdata.dataset.storage.names import is_target


class Command(TerminalCommand):
    """The command; exit codes: 0 all were added, 3 some of them cannot be opened, 1 nothing was added."""

    help = (
        "Add the datasets in a folder or zip file: a dataset, a folder of datasets, a LeRobot home, the Hub's cache. "
        "What is in the home already is used where it is; everything else is copied. Or fetch a dataset from the "
        "Hugging Face Hub: user/name, if that is not a path, or its address; or from object storage: s3://bucket/folder."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the source, `--list`, and what is fetched from the Hub."""
        parser.add_argument("source", help="a folder, a zip file, user/name on the Hub, or s3://bucket/folder")
        parser.add_argument("--list", action="store_true", help="only list what would be added")
        parser.add_argument("--revision", default="", help="of the Hub: a branch, a tag or a commit")
        parser.add_argument("--episodes", default="", help="of the Hub or a bucket: these episodes, as 0,3,5-9")
        parser.add_argument("--no-videos", action="store_true", help="of the Hub or a bucket: all but the videos")

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command from a shell, and exit with its code."""
        self.problems = 0
        super().run_from_argv(argv)
        sys.exit(3 if self.problems else 0)

    def handle(self, **options: Any) -> None:
        """List or add the datasets. Raise CommandError if nothing can be added."""
        try:
            addition = self._fetch(options) if _is_elsewhere(options["source"]) else self._add(options)
        except Refused as error:
            raise CommandError(sanitize_json(error.message)) from error
        if addition is None:
            return
        for landed in addition.landed:
            state = f"cannot be opened. {landed.problem}" if landed.problem else "was added"
            note = f". {landed.note}" if landed.note else ""
            self.stdout.write(sanitize_json(f"{landed.name} {state}{note}"))
        self.problems = sum(bool(landed.problem) for landed in addition.landed)
        if addition.error:
            again = " Run the command again." if addition.state == INTERRUPTED else ""
            raise CommandError(sanitize_json(f"{addition.error}{again}"))

    def _add(self, options: dict[str, Any]) -> Addition | None:
        found = look_into(path=str(Path(options["source"]).expanduser().absolute()), actor=COMMAND)
        if not options["list"]:
            return add_paths(paths=[each.path for each in found], actor=COMMAND, wait=True)
        for each in found:
            note = f" ({each.problem})" if each.problem else ""
            self.stdout.write(sanitize_json(f"{each.path}{note}"))
        return None

    def _fetch(self, options: dict[str, Any]) -> Addition:
        if options["list"]:
            raise CommandError("--list shows what is in a folder; look at the page of the other side instead.")
        return add_from_hub(
            repository=options["source"],
            revision=options["revision"],
            episodes=options["episodes"],
            videos=not options["no_videos"],
            actor=COMMAND,
            wait=True,
        )


def _is_elsewhere(source: str) -> bool:
    """Return whether the source is a name or an address of the Hub or a bucket, and not a path of this computer."""
    if is_target(source):
        return True
    if source.startswith(("https://", "http://", "hf.co/")):
        return True
    named = source.count("/") == 1 and not source.startswith(("/", "~", ".")) and not source.endswith(".zip")
    return named and not Path(source).exists()
