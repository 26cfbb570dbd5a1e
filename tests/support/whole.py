"""Waiting for the whole product to come where a test wants it, while parts of it may be away."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.soak_product import Away, Product


def until(true: Callable[[], Any], within_s: float = 120) -> Any:
    end = time.monotonic() + within_s
    while not (found := true()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.1)
    return found


def asked(product: Product, path: str) -> Any:
    try:
        return product.ask("GET", path)[1]
    except Away:
        return {}


@contextmanager
def started(product: Product) -> Iterator[Product]:
    """It runs meanwhile, ends in order after it, and leaves no process behind."""
    product.start()
    try:
        yield product
    finally:
        product.stop()
        assert product.kill_everything() == []


def as_a_user() -> list[str]:
    """Words before a command that take root's right to read and write everything away; none where nothing can."""
    if os.geteuid() or not shutil.which("setpriv"):
        return []
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
