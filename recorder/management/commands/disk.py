"""`robotdata disk`: what datasets, revisions, takes, the trash and uploads take, and free it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from recorder.actor import COMMAND
from recorder.catalog.disk import FREEABLE, Kind, measure
from recorder.errors import Refused
from recorder.management.terminal import TerminalCommand
from recorder.review.free_space import free_space
from recorder.templatetags.formatting import size
from recorder.text import sanitize_json


class Command(TerminalCommand):
    """The command; exit codes: 0 done, 1 refused with the reason."""

    help = "List what takes space on the disk, and what deleting it would free; or delete one thing with --free."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add `--free`."""
        kinds = ", ".join(FREEABLE)
        words = f"delete it permanently: one of {kinds}, and its name in the list"
        parser.add_argument("--free", nargs=2, metavar=("KIND", "NAME"), help=words)

    def handle(self, **options: Any) -> None:
        """List, or free. Raise CommandError with the reason if it is refused."""
        if options["free"]:
            kind, name = options["free"]
            if kind not in set(FREEABLE):
                raise CommandError(f"{kind!r} cannot be freed: choose one of {', '.join(FREEABLE)}.")
            try:
                freed = free_space(kind=Kind(kind), name=name, actor=COMMAND)
            except Refused as error:
                raise CommandError(sanitize_json(error.message)) from error
            self.stdout.write(f"Freed {size(freed)}.")
            return
        disk = measure()
        for item in sorted(disk.items, key=lambda item: -item.size):
            frees = f", --free {item.kind} {item.name} frees {size(item.freed)}" if item.can_free else ""
            self.stdout.write(sanitize_json(f"{size(item.size):>10}  {item.kind} {item.title}{frees}"))
        self.stdout.write(
            f"{size(disk.total):>10}  in total, files with several names once; {size(disk.free)} are free."
        )
