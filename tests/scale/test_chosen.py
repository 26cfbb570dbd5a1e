"""The tests that once failed on PostgreSQL alone, run there. `make test-postgres` runs all that use the database."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.scale.conftest import ROOT
from tests.support.on_postgres import OPTIONS
from tests.support.servers import Postgres

CHOSEN = [
    "tests/recorder/test_nul.py",
    "tests/recorder/test_ordered_json.py",
    "tests/recorder/test_desk.py::test_it_shows_the_first_camera_where_another_is_unknown",
    "tests/recorder/test_wall_cards.py::test_it_shows_the_pictures_of_the_camera_that_is_chosen",
    "tests/recorder/test_trash.py::test_it_deletes_or_gives_back_but_never_both",
    "tests/recorder/test_episode_numbers.py::test_a_change_that_fails_gives_no_number",
]


def test_they_pass(postgres: Postgres) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "ROBOTDATA_HOME"))}
    env["ROBOTDATA_TEST_DATABASE"] = postgres.url(f"db_{os.urandom(6).hex()}")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *OPTIONS, *CHOSEN]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "skipped" not in done.stdout and "deselected" not in done.stdout
