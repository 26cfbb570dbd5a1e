"""The web starts from requirements.txt alone: PostgreSQL's, Redis's and the Hub's packages are optional."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"redis", "channels_redis", "psycopg", "huggingface_hub", "botocore"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
import importlib.util
found = importlib.util.find_spec
missing = {"redis", "channels_redis", "psycopg", "huggingface_hub", "botocore"}
importlib.util.find_spec = lambda name, package=None: None if name in missing else found(name, package)
import robotdata.asgi, robotdata.celery, recorder.worker.tasks
"""


def start(tmp_path: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "ROBOTDATA_HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **settings}
    command = [sys.executable, "-c", WITHOUT]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)


def test_the_web_and_the_worker_start_without_them(tmp_path: Path) -> None:
    started = start(tmp_path)
    assert started.returncode == 0, started.stderr


def test_they_are_not_imported_where_no_setting_needs_them(tmp_path: Path) -> None:
    env = {**os.environ, "ROBOTDATA_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    code = "import sys, robotdata.asgi; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert "robotdata" in done.stdout.split()
    assert not {"redis", "channels_redis", "psycopg", "huggingface_hub", "botocore"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("variable", "value", "package"),
    [
        ("CHANNEL_URL", "redis://127.0.0.1:1", "channels_redis"),
        ("CELERY_BROKER_URL", "redis://127.0.0.1:1", "redis"),
        ("DATABASE_URL", "postgres://a:b@127.0.0.1:1/c", "psycopg"),
    ],
)
def test_a_setting_that_needs_them_says_what_to_install(
    tmp_path: Path, variable: str, value: str, package: str
) -> None:
    refused = start(tmp_path, **{variable: value})
    assert refused.returncode != 0
    assert variable in refused.stderr and package in refused.stderr and "requirements-scale.txt" in refused.stderr
