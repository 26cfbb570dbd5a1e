"""F46, F49: The database file is not a database, or the process may open only few files."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.support.commands_home import Home
from tests.support.nth_call import ROOT
from tests.support.takes import make_take

pytestmark = pytest.mark.faults


@pytest.fixture
def with_a_take(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    assert home.manage("migrate", "-v0")[0] == 0
    make_take(home.path / "spool", 5, take_id=str(uuid.uuid4()))
    return home


@pytest.mark.parametrize("damage", ["garbage", "gone"])
def test_it_makes_every_row_anew_from_the_folders(with_a_take: Home, damage: str) -> None:
    home = with_a_take
    for path in home.database.parent.glob("robotdata.sqlite3*"):
        path.unlink()
    if damage == "garbage":
        home.database.write_bytes(b"not a database " * 1000)
        code, said = home.manage("recover")
        assert code != 0 and "file is not a database" in said
    code, said = home.manage("rebuild")
    assert code == 0 and "1 take in the spool" in said, said
    kept = list(home.database.parent.glob("robotdata.sqlite3.*.old"))
    assert len(kept) == (damage == "garbage"), "what was there is set aside, not deleted"
    assert home.manage("recover")[0] == 0


FEW_FILES = """
import os, resource, sys
from pathlib import Path
from tests.support.takes import make_take
make_take(Path(sys.argv[1]), 3)
limit = max(int(name) for name in os.listdir("/proc/self/fd")) + 4
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
make_take(Path(sys.argv[1]), 3)
"""


def test_it_names_the_take_that_it_may_open_no_more_files_for(tmp_path: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc to count open files")
    command = [sys.executable, "-c", FEW_FILES, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "SpoolError: cannot write take" in done.stderr
    assert "Too many open files" in done.stderr and str(tmp_path) in done.stderr
