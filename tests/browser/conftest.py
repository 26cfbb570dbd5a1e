"""A person at the real product: its processes with a home of their own, and a Chromium that is signed in.

All modules that a worker of pytest-xdist runs share one product and one Chromium; each fills datasets of its own. A
module that sets RIG (its rig file) or FRESH_HOME has a product of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from robotdata.video.barcode import Barcode
from tests.support import browser
from tests.support.browser import Product, Visit, Window, pictures
from tests.support.desk_data import fill
from tests.support.leaving import close_context

# A busy machine is not a defect of the page.
expect.set_options(timeout=60_000)
HERE = Path(__file__).parent


class Shared:
    """What lasts until the worker leaves this folder: afterwards Playwright's event loop would be in others' way."""

    def __init__(self) -> None:
        self.stack = ExitStack()
        self.chromium: Browser | None = None
        self.product: Product | None = None
        self.window: Window | None = None

    def close(self) -> None:
        self.chromium = self.product = self.window = None
        self.stack.close()


SHARED = Shared()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is None or HERE not in nextitem.path.parents:
        SHARED.close()


@pytest.fixture(scope="session", autouse=True)
def _closed_before_the_database_goes(django_db_setup: None) -> Iterator[None]:
    """Django does not take down its test database on a thread on which Playwright's event loop runs."""
    yield
    SHARED.close()


@pytest.fixture(scope="module")
def product(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Web, worker and a rig whose every frame says which it is."""
    rig = getattr(request.module, "RIG", browser.RIG)
    if rig is not browser.RIG or getattr(request.module, "FRESH_HOME", False):
        with browser.running(tmp_path_factory.mktemp("home"), rig) as own:
            yield own
        return
    if SHARED.product is None:
        home = tmp_path_factory.mktemp("shared-home")
        SHARED.product = SHARED.stack.enter_context(browser.running(home, rig))
    yield SHARED.product


@pytest.fixture(scope="module")
def chromium() -> Browser:
    """Skips, saying so, where there is none."""
    if SHARED.chromium is None:
        SHARED.chromium = SHARED.stack.enter_context(browser.chromium())
    return SHARED.chromium


@pytest.fixture(scope="module")
def window(chromium: Browser, product: Product) -> Iterator[Window]:
    """The browser of somebody who followed the printed link."""
    if product is not SHARED.product:
        own = Window(chromium, product)
        yield own
        close_context(own.context)
        return
    if SHARED.window is None:
        SHARED.window = Window(chromium, product)
    yield SHARED.window


@pytest.fixture
def visit(chromium: Browser, product: Product, window: Window) -> Iterator[Visit]:
    """A test fails where the browser had to complain."""
    visit = Visit(window, chromium, product)
    yield visit
    visit.end()
    assert not visit.complaints


@pytest.fixture(scope="module")
def crowd(product: Product) -> list[str]:
    """The ids of 70 takes to review, two pages of a wall; every module leaves them to review."""
    if not product.crowd:
        product.crowd = fill(product, "crowd", 70, 4)
    return product.crowd


@pytest.fixture
def frames() -> Callable[[Page], list[Barcode]]:
    return pictures
