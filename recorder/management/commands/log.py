"""`robotdata log DATASET NUMBER FILE`: write an episode or a take as a log for Foxglove (.mcap) or Rerun (.rrd)."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from recorder.catalog.episode_logs import MCAP, RRD, write_log
from recorder.management.terminal import TerminalCommand
from recorder.models import Episode
from recorder.models.numbers import parse_number
from recorder.text import sanitize_json
from robotdata.dataset.errors import DatasetError
from robotdata.export.errors import ExportError
from robotdata.files.sync import sync_path
from robotdata.numbers import size
from robotdata.spool import SpoolError


class Command(TerminalCommand):
    """The command; exit codes: 0 written, 1 refused with the reason."""

    help = (
        "Write an episode or a take as an MCAP file for Foxglove, or as an .rrd file for Rerun. Pictures and video "
        "packets pass as they are stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the dataset, the number and the file."""
        parser.add_argument("dataset", help="the dataset's name")
        parser.add_argument("number", help="the number on the pages, such as 12 or #12")
        parser.add_argument("file", type=Path, help="the file to write, .mcap or .rrd; it must not exist")

    def handle(self, **options: Any) -> None:
        """Write it. Raise CommandError with the reason if that is not possible."""
        number = parse_number(options["number"])
        rows = Episode.objects.select_related("dataset", "rig").filter(dataset__slug=options["dataset"])
        row = rows.filter(number=number).first() if number else None
        if row is None:
            raise CommandError(sanitize_json(f"{options['dataset']} has no episode {options['number']!r}."))
        path: Path = options["file"]
        part = path.with_name(f".{secrets.token_hex(6)}.part")
        kind = path.suffix.lower().removeprefix(".")
        if kind not in (MCAP, RRD):
            raise CommandError(f"{path} has another ending than .{MCAP} or .{RRD}: choose one of the two.")
        if path.exists():
            raise CommandError(f"{path} exists: choose another name.")
        if not path.parent.is_dir():
            raise CommandError(f"The folder {path.parent} does not exist: make it first, or choose another.")
        try:
            write_log(row, part, kind)
            sync_path(part)
            part.rename(path)
        except (SpoolError, DatasetError, ExportError, OSError) as error:
            raise CommandError(sanitize_json(f"{row} cannot be written: {str(error).rstrip('.')}.")) from error
        finally:
            part.unlink(missing_ok=True)
        self.stdout.write(sanitize_json(f"{path}: {size(path.stat().st_size)}"))
