"""`manage.py recover`: make rows and folders agree after a crash; also done at every start."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from recorder.errors import other_version_message, unusable_message
from recorder.management.terminal import TerminalCommand
from recorder.text import sanitize_json
from recorder.worker import recover
from recorder.worker.recovery_report import EXIT_UNUSABLE, Report
from robotdata.numbers import count

MAX_PRINTED = 50
"""The maximum number of differences that are printed; the others are counted."""


class Command(TerminalCommand):
    """The command; exit codes: 0 all intact, 3 data was lost, 1 nothing is usable."""

    help = "Match database and folders after a crash. Exit 0: all intact. 3: data was lost. 1: nothing is usable."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--quiet` and `--deep`."""
        parser.add_argument("--quiet", action="store_true", help="print problems only")

        parser.add_argument("--deep", action="store_true", help="read every byte of finished takes and report damage")

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command from a shell, and exit with the report's code."""
        # The exit code is for the shell only: a caller within a program continues.
        self.report = Report()
        try:
            super().run_from_argv(argv)
        except DatabaseError as error:
            self.stderr.write(unusable_message(error))
            sys.exit(EXIT_UNUSABLE)
        sys.exit(self.report.code)

    def handle(self, **options: Any) -> None:
        """Recover, and print the report. Raise CommandError if migrations are missing."""
        executor = MigrationExecutor(connection)
        if missing := executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError(other_version_message(f"it lacks {missing[0][0]}"))
        self.deep = bool(options["deep"])
        self.report = report = self.work()
        for line in report.messages:
            self.stdout.write(sanitize_json(line))
        for line in report.corrections[:MAX_PRINTED]:
            self.stdout.write(sanitize_json(line))
        if report.corrections:
            others = (
                f"{len(report.corrections) - MAX_PRINTED} more like these. "
                if len(report.corrections) > MAX_PRINTED
                else ""
            )
            self.stdout.write(f"{others}The database matches the folders now. Nothing was deleted.")
        for line in report.unopened:
            self.stdout.write(sanitize_json(f"NOT OPENED {line}"))
        for line in report.lost:
            self.stdout.write(sanitize_json(f"LOST {line}"))
        if not options["quiet"]:
            self.stdout.write(
                f"{count(report.takes, 'take')} in the spool: {report.usable} usable, {report.interrupted} closed as "
                f"interrupted, {report.adopted} new to the database. {count(report.datasets, 'dataset')}. "
                f"{count(report.jobs_requeued, 'job')} requeued."
            )

    def work(self) -> Report:
        """Recover and return the report."""
        return recover.recover(deep=self.deep)
