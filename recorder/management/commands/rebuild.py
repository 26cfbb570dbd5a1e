"""`manage.py rebuild`: rebuild the database from the folders."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandParser
from django.db import DatabaseError, connection

from recorder.catalog.account_secrets import KINDS
from recorder.management.commands import recover
from recorder.worker import recover as recovery
from recorder.worker.recovery_report import Report


class Command(recover.Command):
    """The command; exit codes as of `recover`."""

    help = "Rebuild all rows of datasets, sessions and episodes from the folders. Exit codes as `recover`."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add `--fresh` to the options of `recover`."""
        super().add_arguments(parser)
        parser.add_argument("--fresh", action="store_true", help="move the database file aside even if it is readable")

    def handle(self, **options: Any) -> None:
        """Move a damaged database file aside, migrate, and rebuild the rows."""
        if connection.vendor == "sqlite":
            path = Path(str(connection.settings_dict["NAME"]))
            if path.exists() and (options["fresh"] or not readable()):
                aside = set_aside(path)
                for kind in KINDS:
                    kind.forget_all()  # the next accounts get the same numbers
                self.stdout.write(
                    f"The old database is {aside}; everybody has to sign in, and to enter tokens and keys, again."
                )
        call_command("migrate", verbosity=0, interactive=False)
        super().handle(**options)

    def work(self) -> Report:
        """Rebuild the rows and return the report."""
        return recovery.rebuild(deep=self.deep)


def readable() -> bool:
    """Return whether SQLite finds its file intact."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA quick_check(1)")
            return bool(cursor.fetchone()[0] == "ok")
    except DatabaseError:
        return False
    finally:
        connection.close()


def set_aside(path: Path) -> Path:
    """Rename the database file and its logs, and return the new path."""
    aside = path.with_name(f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}.old")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        log = path.with_name(path.name + suffix)
        if log.exists():
            log.rename(aside.with_name(aside.name + suffix))
    return aside
