"""F26: The product ends with work pending, in order or not: it resumes there, and nothing half done counts as done."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.holding import SETTINGS, hold, let_sleep, release
from tests.support.soak_product import Product
from tests.support.whole import asked, until
from tests.support.worker_home import SEED, nice

pytestmark = pytest.mark.faults


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc to see what is left running")
    made = Product(tmp_path, 1)
    made.env |= {"DJANGO_SETTINGS_MODULE": SETTINGS}
    assert made.manage("migrate", "-v0").returncode == 0
    seeded = made.manage("shell", "-c", SEED)
    assert seeded.returncode == 0, seeded.stderr
    hold(tmp_path, "half")
    made.start()
    try:
        yield made
    finally:
        made.kill_everything()


def jobs(product: Product) -> list[tuple[str, int]]:
    (operation,) = asked(product, "/api/operations").get("items") or [{}]
    found = asked(product, f"/api/operations/{operation['id']}").get("jobs") if operation else []
    return [(job["state"], job["frames_done"]) for job in found or ()]


@pytest.mark.parametrize("how", ["in order", "killed after it was asked to end"])
def test_what_was_pending_goes_on_at_the_next_start(product: Product, how: str) -> None:
    until(lambda: any(state == "running" and done > 0 for state, done in jobs(product)))
    assert product.process is not None
    (encoder,) = (pid for part, pid in product.parts() if part == "encoder or clock" and nice(pid) == 10)
    let_sleep(product.home, partial(os.kill, encoder))  # it will not be done in the time that it is given
    if how == "in order":
        assert product.stop() == 0
        said = product.log.read_text()
        assert "2 takes in the spool" in said and "2 encoding jobs" in said
    else:
        product.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        product.process.kill()
        product.process.wait()
    until(lambda: not product.strays(), 60)
    assert not list((product.home / "datasets").glob("[!.]*")), "nothing half done is shown"
    release(product.home)
    product.start()
    until(lambda: [state for state, _ in jobs(product)] == ["done", "done"])
    until(lambda: [operation["state"] for operation in asked(product, "/api/operations").get("items", ())] == ["done"])
    assert product.stop() == 0 and product.strays() == {}
    verified = product.manage("verify", "cubes", "--deep")
    assert "2 episodes, 609 frames: nothing wrong" in verified.stdout, verified.stdout + verified.stderr
