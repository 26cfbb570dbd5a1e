"""F49: A control group allows the real product no more processes or threads; each part reports it and recovers.

`ulimit -u` does not bind root, and it would count all programs of the user.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.faults.limits import Limit, process_limit
from tests.support.rigs import rows_in
from tests.support.soak_product import Product
from tests.support.whole import asked, started, until

pytestmark = pytest.mark.faults
NAMED = "start more threads (can't start new thread)"


@pytest.fixture
def limit() -> Iterator[Limit]:
    with process_limit() as made:
        yield made


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    made = Product(tmp_path, 1)
    rig = made.home / "rig1.toml"
    rig.write_text(rig.read_text() + 'sync = "tick"\n')
    with started(made):
        yield made


def process(product: Product, part: str) -> int:
    return int(until(lambda: next((pid for name, pid in product.parts() if name == part), None)))


def record(product: Product) -> tuple[str, int, dict[str, dict[str, str]]]:
    take = str(uuid.uuid4())
    body = {"dataset": "narrow", "task": "push the cube", "countdown_s": 0, "take": take}
    return take, *product.ask("POST", "/api/rigs/rig1/record", body)


def idle(product: Product) -> bool:
    return asked(product, "/api/rigs/rig1").get("state") == "idle"


def refused_of_many(product: Product, path: str) -> Any:
    """The body of a 503 among many requests at once; the others are answered."""

    def found() -> Any:
        with ThreadPoolExecutor(24) as clients:
            answers = list(clients.map(lambda _: product.ask("GET", path), range(48)))
        assert {status for status, _ in answers} <= {200, 302, 503}
        return next((body for status, body in answers if status == 503), None)

    return until(found)


def test_web_rig_and_supervisor_say_that_there_are_no_more_threads_and_go_on(product: Product, limit: Limit) -> None:
    """One after the other they are put into a group that is full: first the rig, then who starts it, then the web."""
    assert product.ask("POST", "/api/datasets", {"title": "Narrow"})[0] == 201
    until(lambda: idle(product))
    limit.set("max")
    limit.hold(rig := process(product, "rig"))
    limit.set(1)  # fewer than it has: those stay, no more come
    take, status, said = record(product)
    assert (status, said["error"]["code"]) == (409, "no_threads"), said
    assert "rig rig1 cannot" in said["error"]["message"] and NAMED in said["error"]["message"]
    until(lambda: idle(product))
    assert not (product.home / "spool" / take).exists()
    assert process(product, "rig") == rig, "it lives"

    limit.hold(process(product, "supervisor"))
    product.kill("rig", rig)
    log = "rig rig1 cannot be started (Resource temporarily unavailable: check `ulimit -u` and free memory); trying"
    until(lambda: log in product.log.read_text())
    threads = Path(f"/proc/{process(product, 'supervisor')}/task")
    limit.set(len(list(threads.iterdir())) + 1)  # a process, and no thread in it
    until(lambda: "robotdata.rig cannot start: can't start new thread" in product.log.read_text())
    assert "Traceback" not in product.log.read_text()
    limit.set("max")
    until(lambda: process(product, "rig") != rig and idle(product))

    limit.hold(process(product, "web"))
    limit.set(1)
    assert product.ask("GET", "/api/rigs/rig1")[0] == 200, "one request at a time needs no new thread"
    said = refused_of_many(product, "/api/rigs/rig1")
    assert said["error"]["code"] == "no_threads", said
    assert NAMED in said["error"]["message"] and "try again" in said["error"]["message"]
    assert NAMED in refused_of_many(product, "/").decode()
    limit.set("max")

    until(lambda: idle(product))
    take, status, said = record(product)
    assert status == 200, said
    until(lambda: rows_in(product.home / "spool" / take) >= 3)
    assert product.ask("POST", "/api/rigs/rig1/commands/stop", {})[0] == 200
    until(lambda: asked(product, f"/api/episodes/{take}").get("state") == "recorded")
