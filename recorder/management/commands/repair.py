"""`robotdata repair DATASET`: put right what can be, after saying what; the original stays as a revision."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from recorder.catalog.source_folders import source_folder
from recorder.errors import Refused
from recorder.management.commands.edit import destination, existing
from recorder.management.terminal import TerminalCommand
from recorder.models.paths import datasets_root, revisions_of, work_of
from recorder.text import sanitize_json
from robotdata.dataset.errors import DatasetError, OldVersion
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.repair.examine import examine
from robotdata.dataset.repair.findings import RepairReport
from robotdata.dataset.repair.rescue import examine_lost, rescue
from robotdata.dataset.repair.run import repair
from robotdata.dataset.repair.survey import can_be_rescued
from robotdata.numbers import extent


class Command(TerminalCommand):
    """The command; exit codes: 0 nothing is wrong any more, 3 something cannot be repaired, 1 refused."""

    help = (
        "Repair a dataset v3.0: timestamps, indices, tasks, statistics, ranges, counters. The original stays as a "
        "revision. Exit 0: nothing is left. 3: something cannot be repaired, and is listed. 1: refused."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the dataset and `--dry-run`."""
        parser.add_argument("dataset", help="a dataset's name, or the path of any LeRobotDataset v3.0 folder")
        parser.add_argument(
            "--into",
            metavar="NEW",
            help="for a folder that cannot be opened: name or path of the new dataset of what is whole",
        )
        parser.add_argument("--dry-run", action="store_true", help="examine it, say what would be done, change nothing")

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command from a shell, and exit with its code."""
        self.code = 0
        super().run_from_argv(argv)
        sys.exit(self.code)

    def handle(self, **options: Any) -> None:
        """Repair, or only report. Raise CommandError with the reason if it is refused."""
        root = existing(options["dataset"])
        try:
            if (why := self._closed(root)) is not None:
                self._rescue(root, why, **options)
                return
            if options["dry_run"]:
                report = examine(root)
                self._report(report)
                self._say("Nothing was written.")
                return
            made_by = {"by": "robotdata repair", "at": timezone.now().isoformat(timespec="seconds")}
            result = repair(root, work=work_of(root), revisions=revisions_of(root), made_by=made_by)
        except (DatasetError, OSError) as error:
            raise CommandError(sanitize_json(f"{error}.")) from error
        self._report(result.report)
        if result.revision is not None:
            self._say(f"{root}: repaired, revision {result.revision}; `verify --deep` checks every frame.")

    @staticmethod
    def _closed(root: Path) -> str | None:
        """Return why the folder cannot be opened although it has rows; None if it can, or has none."""
        try:
            DatasetFolder.open(root)
        except OldVersion:
            return None
        except DatasetError as error:
            return str(error) if can_be_rescued(root) else None
        return None

    def _rescue(self, root: Path, why: str, *, into: str | None, dry_run: bool, **_: Any) -> None:
        """Make a dataset of what is whole, or only report. Raise CommandError for a link, or without a free name."""
        if root == datasets_root() / root.name:  # a path elsewhere is what the person wrote
            try:
                root = source_folder(root.name, verb="repair")
            except Refused as error:
                raise CommandError(sanitize_json(str(error))) from error
        self._say(f"{why}.")
        if dry_run or not into:
            self._report(examine_lost(root, work_of(root)))
            self._say("Nothing was written. --into NEW makes a dataset of what is whole; this folder stays as it is.")
            return
        target = destination(into)
        made_by = {"by": "robotdata repair", "at": timezone.now().isoformat(timespec="seconds")}
        result = rescue(root, target, work=work_of(target), made_by=made_by)
        self._report(result.report)
        self._say(f"{target}: {extent(result.episodes, result.frames)}. {root} is unchanged.")

    def _report(self, report: RepairReport) -> None:
        for finding in report.findings:
            self._say(f"repair {finding.code}: {finding}")
        for text in report.left:
            self._say(f"cannot be repaired: {text}")
        if not report.findings:
            read = extent(report.episodes, report.frames)
            self._say(f"{report.root}: {read}: nothing to repair.")
        self.code = 3 if report.left else 0

    def _say(self, text: str) -> None:
        self.stdout.write(sanitize_json(text))
