"""Run pytest with its database in a PostgreSQL of its own: `python -m tests.support.on_postgres ARGS`.

Of the tests that ARGS name only those run that use Django's database. The programs that they start keep theirs in
their homes, on SQLite: `tests/scale` has them on PostgreSQL. Where this machine has no PostgreSQL, that is said and
nothing runs.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.servers import Postgres

# Threads of a test may end without closing their connection: psycopg would complain, and the database not be dropped.
OPTIONS = ("--reuse-db", "-p", "no:unraisableexception")


def main() -> int:
    try:
        postgres = Postgres()
    except pytest.skip.Exception as why:
        sys.stderr.write(f"SKIPPED: {why}\n")
        return 0
    try:
        url = postgres.start().url("tests")
        return subprocess.call(
            [sys.executable, "-m", "pytest", *OPTIONS, *sys.argv[1:]],
            env={**os.environ, "ROBOTDATA_TEST_DATABASE": url},
        )
    finally:
        postgres.remove()


if __name__ == "__main__":
    sys.exit(main())
