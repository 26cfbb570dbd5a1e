"""A person at the real product: its processes with a home of their own, and a Chromium that is signed in."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from robotdata.video.barcode import Barcode
from tests.support.browser import (
    BROWSERS,
    FLAGS,
    RIG,
    ROOT,
    Product,
    Visit,
    free_port,
    pictures,
    wait_for_link,
)
from tests.support.leaving import close_context

# A busy machine is no defect of the page.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Web, worker and a rig whose every frame says which it is; a module's own RIG, where it has one."""
    home = tmp_path_factory.mktemp("home")
    (home / "rig.toml").write_text(getattr(request.module, "RIG", RIG))
    port = free_port()
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": ""}
    command = [sys.executable, "manage.py", "run", "--port", str(port), "--rig", str(home / "rig.toml")]
    with (
        (home / "log").open("w") as log,
        subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        lines: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=lambda: [lines.put(line) for line in process.stdout or ()], daemon=True)
        reader.start()
        try:
            wait_for_link(process, lines, home)
            yield Product(process, home, f"http://127.0.0.1:{port}", lines)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
            reader.join(5)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Skips, saying so, where there is none."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, headless=True)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed_in(chromium: Browser, product: Product) -> dict[str, Any]:
    """The cookies of somebody who followed the printed link."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(product.link())
    state = context.storage_state()
    close_context(context)
    return dict(state)


@pytest.fixture
def visit(chromium: Browser, product: Product, signed_in: dict[str, Any]) -> Iterator[Visit]:
    """A test fails where the browser had to complain."""
    visit = Visit(chromium, product, signed_in)
    yield visit
    for page in visit.pages:
        close_context(page.context)
    assert not visit.complaints


@pytest.fixture
def frames() -> Callable[[Page], list[Barcode]]:
    return pictures
