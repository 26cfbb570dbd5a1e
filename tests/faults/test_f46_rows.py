"""F46: The database file is removed, overwritten, read-only or of an earlier version: reported, or put right.

The folders hold everything: `rebuild` restores every row, with verdicts, labels, notes and tasks.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.two_days import GONE
from tests.support import programs
from tests.support.commands_home import Home
from tests.support.nth_call import ROOT
from tests.support.ports import free_port
from tests.support.two_days_home import DATASETS, episodes, lived_in, rows
from tests.support.whole import as_a_user, until

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Two days of work: committed, judged, labelled, trimmed, rejected."""
    return lived_in(tmp_path_factory.mktemp("worked") / "home")


@pytest.fixture
def home(worked: Home, tmp_path: Path) -> Home:
    shutil.copytree(worked.path, tmp_path / "home")
    return Home(tmp_path / "home")


def told(home: Home) -> dict[str, Any]:
    """What the rows say that the folders hold; of a take that was emptied from the trash there is no folder."""
    found = episodes(home.database)
    found.pop(GONE.replace("-", ""), None)
    return {"episodes": found, "datasets": rows(home.database, "dataset", DATASETS)}


def remove(database: Path) -> None:
    for path in database.parent.glob("robotdata.sqlite3*"):
        path.unlink()


def overwrite(database: Path, first: int, pages: int) -> None:
    for end in ("-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    assert database.stat().st_size > (first + pages) * 4096
    command = ["dd", "if=/dev/urandom", f"of={database}", "bs=4096", f"seek={first}", f"count={pages}", "conv=notrunc"]
    programs.run(command, check=True, capture_output=True)


def refused(home: Home, *command: str, before: tuple[str, ...] = ()) -> str:
    """What is said by a command that ends at once, in words."""
    words = [*before, sys.executable, "manage.py", *command]
    done = programs.run(words, cwd=ROOT, env=home.env, capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "Traceback" not in said, said
    assert str(home.database) in said and "robotdata is ready" not in said
    return said


def start_and_end(home: Home) -> None:
    """`manage.py run`, ended by Ctrl-C as soon as it is ready."""
    log, port = home.path / "run.log", str(free_port())
    command = [sys.executable, "manage.py", "run", "--port", port, "--no-rig", "--no-worker"]
    with log.open("w") as out, programs.Popen(command, cwd=ROOT, env=home.env, stdout=out, stderr=out) as run:
        try:
            until(lambda: run.poll() is not None or "robotdata is ready" in log.read_text())
        finally:
            run.send_signal(signal.SIGINT)
        assert run.wait(60) == 0, log.read_text()


@pytest.mark.parametrize("damage", ["head", "body", "gone"])
def test_a_lost_database_is_named_and_every_row_is_made_anew(home: Home, damage: str) -> None:
    was = told(home)
    if damage == "gone":
        remove(home.database)
    else:
        overwrite(home.database, *((0, 1) if damage == "head" else (1, 70)))
        why = {"head": "file is not a database", "body": "database disk image is malformed"}[damage]
        for command in (("run", "--port", "0"), ("recover",)):
            said = refused(home, *command)
            assert f"cannot be used ({why})" in said and "python manage.py rebuild" in said
    code, said = home.manage("rebuild")
    assert code == 0, said
    now = told(home)
    for pk, row in was["episodes"].items():
        assert now["episodes"].get(pk) == row, (pk, said)
    assert now == was
    for slug in ("cubes", "cups"):
        assert home.manage("verify", slug)[0] == 0


def test_one_that_may_only_be_read_is_named_by_rebuild_too(home: Home) -> None:
    before = tuple(as_a_user())
    if os.geteuid() == 0 and not before:
        pytest.skip("root may write to everything, and there is no `setpriv` to take that right away")
    home.database.chmod(0o444)
    said = refused(home, "rebuild", before=before)
    assert "readonly database" in said and "may write to it" in said


def test_one_of_an_earlier_version_is_named_and_brought_up_to_date_by_the_start(home: Home) -> None:
    was = told(home)
    code, said = home.manage("migrate", "recorder", "zero", "-v0")
    assert code == 0, said
    said = refused(home, "recover")
    assert "another version of robotdata" in said and "python manage.py migrate" in said
    start_and_end(home)
    assert told(home) == was


def test_a_start_without_its_database_brings_every_row_back(home: Home) -> None:
    was = told(home)
    remove(home.database)
    start_and_end(home)
    assert told(home) == was


def test_one_whose_tables_no_migration_makes_is_made_again_from_the_folders(home: Home) -> None:
    """As by a checkout from before the first release, whose migration has the same name and other tables."""
    was = told(home)
    with sqlite3.connect(home.database) as database:
        database.execute("drop table recorder_job")
        database.execute("drop table recorder_operation")
    said = refused(home, "recover")
    assert "no such table: recorder_operation" in said or "no such table: recorder_job" in said
    assert "python manage.py rebuild --fresh" in said and "python manage.py migrate" not in said
    token = home.database.parent / "hub/1"
    token.parent.mkdir()
    token.write_text("of the first account, whose number another one gets")
    assert home.manage("rebuild", "--fresh")[0] == 0
    assert not token.exists()
    assert told(home)["episodes"].keys() == was["episodes"].keys()
