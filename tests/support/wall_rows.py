"""Takes of a dataset for the tests of the wall, and the person who looks at them."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from recorder.browse.filters import Filter, rows_in
from recorder.models import Dataset, Episode

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
FRONT = "observation.images.front"
FEATURES = {FRONT: {"dtype": "video", "shape": [48, 64, 3]}, "action": {"dtype": "float32", "shape": [1]}}


@pytest.fixture
def cups() -> Dataset:
    return Dataset.objects.create(slug="cups", title="Cups", features=FEATURES, fps=30)


@pytest.fixture
def person(client: Client) -> Client:
    client.force_login(get_user_model().objects.create_user("olga"))
    return client


def take(dataset: Dataset, n: int = 0, **fields: Any) -> Episode:
    """The n-th, n minutes before noon."""
    about = {"state": "recorded", "task": "Put", "ticks": 90, "recorded_at": NOON - timedelta(minutes=n)}
    return Episode.objects.create(dataset=dataset, **{**about, **fields})


def mark(code: str, severity: str = "warn") -> dict[str, Any]:
    return {"code": code, "severity": severity, "from_tick": 0, "to_tick": 9, "text": f"It is {code}."}


def found(dataset: Dataset, view: str = "all", **asked: str) -> set[uuid.UUID]:
    return set(rows_in(dataset, view, Filter.read(asked)).values_list("pk", flat=True))


def ids_on(page: str) -> list[str]:
    return re.findall(r'id="take-([0-9a-f-]+)"', page)
