"""F48: Web, worker, Redis and PostgreSQL are killed and started in shuffled order while a real rig records.

Once each way here; `make restarts` does fifty rounds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

pytest.importorskip("psycopg", reason="requirements-scale.txt is not installed: the database is not a server to kill")

from tests.support.rigs import RigProcess, running
from tests.support.scaled import Scaled, all_at_once, one_after_the_other, scaled, unbroken

pytestmark = pytest.mark.faults
FPS = 20


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scaled]:
    with scaled(tmp_path_factory.mktemp("home")) as made:
        yield made


@pytest.fixture(scope="module")
def rig(product: Scaled, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RigProcess]:
    with running(product.web, tmp_path_factory.mktemp("rig"), fps=FPS) as made:
        yield made


def test_a_recording_is_unbroken_by_whatever_is_restarted_and_the_page_catches_up(
    product: Scaled, rig: RigProcess
) -> None:
    status, dataset = product.web.api("POST", "/datasets", {"title": "Restarts"})
    assert status == 201, dataset
    take = rig.record(dataset["slug"])
    rig.written(take, 5)
    chance = random.Random(48)
    one_after_the_other(product, rig, take, chance)
    all_at_once(product, rig, take, chance)
    unbroken(product, rig, take)
