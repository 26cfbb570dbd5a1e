"""Where every test starts: a home of its own, and the shared robot data where it is."""

from __future__ import annotations

import atexit
import gc
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

NEEDS = ["django", "channels", "celery", "ninja", "av", "pyarrow", "PIL", "playwright", "websockets"]
NEEDS += ["pytest_django", "pytest_asyncio", "pytest_timeout", "huggingface_hub", "botocore"]
if missing := [name for name in NEEDS if importlib.util.find_spec(name) is None]:
    # Said once, before thousands of tests fail to import it.
    raise SystemExit(
        f"The tests need packages that this Python lacks ({', '.join(missing)}): run `make test`, which installs them "
        "into .venv, or `pip install -r requirements.txt -r requirements-scale.txt -r requirements-hub.txt "
        "-r requirements-storage.txt -r requirements-dev.txt`."
    )

import django  # noqa: E402
from django.conf import settings  # noqa: E402

# Hundreds of processes start here. Each would compile the whole product again where the environment asks Python to keep
# no bytecode, and pytest would rewrite every test module in each worker.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Before any of them is imported: their asserts show values, as a test's own do.
pytest.register_assert_rewrite("tests.support")

IN_MEMORY = Path("/dev/shm")
ROOM = 8 << 30

# A real disk takes milliseconds for each fsync, of which there are tens of thousands; nothing here asks what survives a
# power cut of this machine. TMPDIR=/tmp says otherwise.
if not os.environ.get("TMPDIR") and os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ROOM:
    os.environ["TMPDIR"] = str(IN_MEMORY)
    tempfile.tempdir = None  # it is looked up again

# Before Django reads its settings: no test may touch the person's own home. Named in pyproject.toml, they would have
# been read by now.
os.environ["ROBOTDATA_HOME"] = tempfile.mkdtemp(prefix="robotdata-test-")
atexit.register(shutil.rmtree, os.environ["ROBOTDATA_HOME"], ignore_errors=True)
os.environ.setdefault("ROBOTDATA_LOG", "WARNING")
os.environ["DJANGO_SETTINGS_MODULE"] = "robotdata.settings"
# No test may touch the person's own database either. `tests.support.on_postgres` names one for the rows of the tests;
# a program that a test starts keeps its own in its home, or is told of another by the test.
os.environ["DATABASE_URL"] = POSTGRES = os.environ.get("ROBOTDATA_TEST_DATABASE", "")
django.setup()
del os.environ["DATABASE_URL"]

from tests.support import quick_flush  # noqa: E402

quick_flush.install()
# The product's own takes a quarter of a second for each password, by design.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


LONGEST = [
    "tests/scale/test_fleet.py",
    "tests/scale/test_database.py",
    "tests/recorder/test_api_contract.py",
    "tests/dataset/test_swap.py",
    "tests/recorder/test_worker.py",
    "tests/recorder/test_transfer_safety.py",
    "tests/recorder/sockets/test_live_truth.py",
    "tests/rig/test_replaying.py",
    "tests/station/test_rigs.py",
    "tests/viewer/test_bombs.py",
    "tests/video/test_remux.py",
    "tests/test_shape.py",
]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Collect without looking for garbage, of which there is none: a third of the time went into that.

    What has been collected stays to the end, so no later search goes through it either.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """For `-m faults`, import only the files in which that mark stands."""
    if config.getoption("markexpr") != "faults" or collection_path.suffix != ".py":
        return None
    return True if "pytest.mark.faults" not in collection_path.read_text() else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no tester works alone at the end; the others keep their order.

    On PostgreSQL those are left out that do not use the database, and the others commit what they write, because the
    threads of a worker and of a page see nothing else: SQLite lets them wait instead.
    """
    if POSTGRES:
        others = [item for item in items if not uses_database(item)]
        items[:] = [item for item in items if uses_database(item)]
        config.hook.pytest_deselected(items=others)
        for item in items:
            item.add_marker(pytest.mark.django_db(transaction=True), append=False)
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


def uses_database(item: pytest.Item) -> bool:
    """Return whether the test reads or writes rows through Django in this process."""
    fixtures = {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))
    return bool(fixtures) or item.get_closest_marker("django_db") is not None


@pytest.fixture(scope="session")
def testdata() -> Path:
    """The folder of real robot datasets; skips, saying so, where there is none."""
    root = os.environ.get("ROBOTDATA_TESTDATA")
    if not root or not Path(root).is_dir():
        pytest.skip("ROBOTDATA_TESTDATA names no folder of robot datasets")
    return Path(root)


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of inputs that once failed; skips, saying so, where there is none.

    It is the folder that ROBOTDATA_TESTCASES names, or else `cases` beside the folder of robot datasets.
    """
    named = os.environ.get("ROBOTDATA_TESTCASES")
    beside = os.environ.get("ROBOTDATA_TESTDATA")
    root = Path(named) if named else Path(beside).parent / "cases" if beside else None
    if root is None or not root.is_dir():
        pytest.skip("ROBOTDATA_TESTCASES names no folder of inputs that once failed")
    return root
