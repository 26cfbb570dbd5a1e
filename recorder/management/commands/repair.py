"""`robotdata repair DATASET`: put right what can be, after saying what; the original stays as a revision."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from recorder.management.commands.edit import existing
from recorder.models.paths import revisions_of, work_of
from recorder.text import sanitize_json
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.repair.examine import examine
from robotdata.dataset.repair.findings import RepairReport
from robotdata.dataset.repair.run import repair


class Command(BaseCommand):
    """The command; exit codes: 0 nothing is wrong any more, 3 something cannot be repaired, 1 refused."""

    help = (
        "Repair a dataset v3.0: timestamps, indices, tasks, statistics, ranges, counters. The original stays as a "
        "revision. Exit 0: nothing is left. 3: something cannot be repaired, and is listed. 1: refused."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the dataset and `--dry-run`."""
        parser.add_argument("dataset", help="a dataset's name, or the path of any LeRobotDataset v3.0 folder")
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

    def _report(self, report: RepairReport) -> None:
        for finding in report.findings:
            self._say(f"repair {finding.code}: {finding}")
        for text in report.left:
            self._say(f"cannot be repaired: {text}")
        if not report.findings:
            self._say(f"{report.root}: {report.episodes} episodes, {report.frames} frames: nothing to repair.")
        self.code = 3 if report.left else 0

    def _say(self, text: str) -> None:
        self.stdout.write(sanitize_json(text))
