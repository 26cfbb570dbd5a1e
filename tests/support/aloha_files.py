"""Three files of ALOHA, and the browser of somebody who imports them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.support.foreign import write_aloha

LENGTHS = (5, 6, 7)


@pytest.fixture
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three files of ALOHA, outside of the home; the n-th carries the number n in its pictures."""
    folder = tmp_path_factory.mktemp("raw")
    for number, rows in enumerate(LENGTHS):
        write_aloha(folder / f"episode_{number}.hdf5", rows=rows, episode=number)
    return folder


@pytest.fixture
def client(home: Path, settings: Any, bells: Any, db: None) -> Client:
    """The browser of olga."""
    settings.HOME = home
    made = Client()
    made.force_login(User.objects.create_user("olga"))
    return made


def asked(client: Client, body: Any) -> Any:
    """Ask once what files hold; the answer may be that they are still being read."""
    return client.post("/api/imports/look", body, content_type="application/json")
