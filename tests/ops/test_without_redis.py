"""One machine needs neither Redis nor PostgreSQL: requirements.txt alone must start it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"redis", "channels_redis", "psycopg", "psycopg_pool"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import asyncio
from robotdata import asgi, celery
from django.core.management import call_command
from django.test import Client
from recorder import embedded, relay
from recorder.commands import send_command
from recorder.errors import Refused
from recorder.models import Rig

call_command("migrate", verbosity=0)
assert Client(HTTP_HOST="127.0.0.1").get("/sign-in/").status_code == 200
Rig.objects.create(name="arm", fps=30)
try:
    asyncio.run(send_command("arm", "record"))
except Refused as error:
    print(error.code)
"""


def test_the_web_starts_and_answers(tmp_path: Path) -> None:
    left = ("CHANNEL_URL", "DATABASE_URL", "CELERY_BROKER_URL")
    env = {name: value for name, value in os.environ.items() if name not in left}
    env |= {"ROBOTDATA_HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "robotdata.settings"}
    done = subprocess.run([sys.executable, "-c", START], env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["offline"]
