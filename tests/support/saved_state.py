"""A state of the home and the database that takes long to make: saved once, then put into the homes of later tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from recorder.models.total_triggers import TOTALS

OWN_TABLES = "recorder_"
PARTS = ("spool", "datasets", "staging", "state")


@dataclass(frozen=True)
class SavedState:
    """The folders of a home, and the rows of each table of the recorder that has any."""

    folder: Path
    rows: dict[str, tuple[list[str], list[tuple[Any, ...]]]]

    @classmethod
    def save(cls, home: Path) -> SavedState:
        """Copy `home` and read all rows. Neither may hold the path of `home`, because later homes have others."""
        folder = Path(tempfile.mkdtemp(dir=os.environ["ROBOTDATA_HOME"]))
        _copy(home, folder)
        rows = {}
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                if table.startswith(OWN_TABLES) and table != TOTALS:  # those the database counts itself
                    cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                    columns, found = [column[0] for column in cursor.description], cursor.fetchall()
                    if found:
                        rows[table] = (columns, found)
        assert str(home) not in repr(rows), "a row holds the path of its home"
        return cls(folder, rows)

    def put(self, home: Path) -> None:
        """Fill an empty home, and insert the rows."""
        _copy(self.folder, home)
        with transaction.atomic(), connection.cursor() as cursor:
            for table, (columns, rows) in self.rows.items():
                names = ", ".join(map(connection.ops.quote_name, columns))
                values = ", ".join(["%s"] * len(columns))
                cursor.executemany(f"INSERT INTO {connection.ops.quote_name(table)} ({names}) VALUES ({values})", rows)


def _copy(home: Path, into: Path) -> None:
    """Copy the folders with their times. What are hard links of one file become hard links of its copy."""
    copies: dict[int, str] = {}

    def copy(source: str, target: str) -> None:
        inode = Path(source).stat().st_ino
        if inode in copies:
            os.link(copies[inode], target)
        else:
            copies[inode] = target
            shutil.copy2(source, target)

    for part in PARTS:
        if (home / part).is_dir():
            shutil.copytree(home / part, into / part, symlinks=True, copy_function=copy, dirs_exist_ok=True)
