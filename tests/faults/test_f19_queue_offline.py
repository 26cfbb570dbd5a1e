"""F19: The broker fails while somebody works: pages show it and clear it; recording and review continue."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.faults.private_redis import Redis, redis
from tests.support.browser import FLAGS
from tests.support.chromium import chromium_path
from tests.support.soak_product import Product
from tests.support.whole import asked, until

__all__ = ["redis"]
pytestmark = [pytest.mark.faults, pytest.mark.browser]
LONG = 60_000


@pytest.fixture
def product(tmp_path: Path, redis: Redis) -> Iterator[Product]:
    """Web, worker and a rig whose queue is a Redis."""
    redis.start()
    (tmp_path / "home").mkdir()
    made = Product(tmp_path / "home", rigs=1)
    made.env["CELERY_BROKER_URL"] = redis.url
    try:
        made.start()
        yield made
        made.stop()
    finally:
        made.kill_everything()


@pytest.fixture
def page(product: Product) -> Iterator[Page]:
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium on this machine: nobody sees what the page says")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        opened = browser.new_page()
        code = product.manage("signin").stdout.split("code=")[1].split()[0]
        opened.goto(f"http://127.0.0.1:{product.port}/sign-in/?code={code}")
        yield opened
        browser.close()


def a_kept_take(product: Product) -> None:
    begun: dict[str, Any] = {"dataset": "cubes", "task": "push", "operator": "olga", "countdown_s": 0}
    assert product.ask("POST", "/api/rigs/rig1/record", begun)[0] in {200, 201, 202}
    until(lambda: ((asked(product, "/api/rigs/rig1").get("status") or {}).get("take") or {}).get("ticks", 0) > 5)
    until(lambda: product.ask("POST", "/api/rigs/rig1/commands/stop", {})[0] < 300)
    takes = until(lambda: asked(product, "/api/episodes?dataset=cubes&state=recorded").get("items"))
    kept = {"verdict": "keep", "labels": ["rate accepted"]}  # on a machine so busy that its loop is late
    assert {product.ask("PATCH", f"/api/episodes/{take['id']}", kept)[0] for take in takes} == {200}


def test_the_page_says_that_the_queue_is_offline_and_takes_it_back(page: Page, product: Product, redis: Redis) -> None:
    product.ask("POST", "/api/datasets", {"title": "Cubes", "encoding": {"codec": "h264", "preset": "ultrafast"}})
    url = f"http://127.0.0.1:{product.port}"
    page.goto(f"{url}/operations/")
    said, line = page.locator(".note", has_text="The queue is offline"), page.locator("article.operation")
    expect(page.get_by_role("heading", name="Nothing has been encoded yet")).to_be_visible()
    expect(said).to_have_count(0)
    redis.kill()
    expect(said).to_be_visible(timeout=LONG)  # by itself, on an open page
    words = page.locator(".note").inner_text()
    assert f"127.0.0.1:{redis.port} does not answer" in words and "Recording and review continue" in words
    a_kept_take(product)
    assert product.ask("POST", "/api/datasets/cubes/encode", {})[0] == 202
    expect(line).to_contain_text("waiting: the queue is offline", timeout=LONG)
    page.goto(f"{url}/datasets/cubes/")
    expect(said).to_be_visible()
    expect(line).to_contain_text("waiting: the queue is offline")
    redis.start()
    expect(said).to_have_count(0, timeout=LONG)  # and so it goes
    expect(page.get_by_text("the queue is offline")).to_have_count(0)
    with contextlib.closing(sqlite3.connect(product.home / ".state/robotdata.sqlite3", timeout=30)) as rows, rows:
        rows.execute("update recorder_job set lease_until = '2020-01-01 00:00:00' where state = 'queued'")
    until(lambda: asked(product, "/api/episodes?dataset=cubes&state=encoded").get("items"))
    assert "1 episode," in product.manage("verify", "cubes", "--deep").stdout
