"""F50: The spool becomes read-only in the middle of a take, and writable again later."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.rigs import rows_in, shown_at_rows
from tests.support.soak_product import Product
from tests.support.whole import as_a_user, asked, until

pytestmark = pytest.mark.faults
DENIED, ALLOWED = 0o555, 0o755


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    before = as_a_user()
    if os.geteuid() == 0 and not before:
        pytest.skip("root may write to everything, and there is no `setpriv` to take that right away")
    made = Product(tmp_path_factory.mktemp("home"), 1, before)
    (made.home / "rig1.toml").write_text((made.home / "rig1.toml").read_text() + 'sync = "tick"\n')
    made.start()
    assert made.ask("POST", "/api/datasets", {"title": "Rights"})[0] == 201
    try:
        yield made
    finally:
        made.stop()
        assert made.kill_everything() == []


def ask_for_a_take(product: Product) -> Path:
    take = str(uuid.uuid4())
    until(lambda: "record" in asked(product, "/api/rigs/rig1").get("controls", ()))
    body = {"dataset": "rights", "task": "push the cube", "countdown_s": 0, "take": take}
    status, said = product.ask("POST", "/api/rigs/rig1/record", body)
    assert status == 200, said
    return product.home / "spool" / take


def record(product: Product, rows: int) -> Path:
    folder = ask_for_a_take(product)
    until(lambda: folder.exists() and rows_in(folder) >= rows)
    return folder


def stop(product: Product) -> None:
    said = {"id": str(uuid.uuid4())}
    until(lambda: product.ask("POST", "/api/rigs/rig1/commands/stop", said)[0] == 200)
    until(lambda: asked(product, "/api/rigs/rig1").get("state") == "idle")


def message(product: Product) -> str:
    return str((asked(product, "/api/rigs/rig1").get("status") or {}).get("message") or "")


def ended(product: Product, folder: Path, state: str) -> int:
    """How many frames it has, once the list calls it that; each row shows its own."""
    episode = until(lambda: (found := asked(product, f"/api/episodes/{folder.name}")).get("state") == state and found)
    assert [code.tick for code in shown_at_rows(folder)] == list(range(episode["ticks"]))
    return int(episode["ticks"])


def test_a_take_is_kept_that_may_not_be_closed_and_it_records_on_without_a_restart(product: Product) -> None:
    first = record(product, 8)
    spool = product.home / "spool"
    first.chmod(DENIED)
    spool.chmod(DENIED)
    try:
        stop(product)
        said = until(lambda: message(product))
        rows = rows_in(first)
        assert f"cannot write take {first.name} in {spool}" in said and "Permission denied" in said
        assert f"it is kept up to frame {rows}" in said and "Make the folder writable" in said
        never = ask_for_a_take(product)
        said = until(lambda: (found := message(product)) and never.name in found and found)
        assert "Permission denied" in said and "Make the folder writable" in said and not never.exists()
        assert asked(product, f"/api/episodes/{never.name}").get("state") is None, "it never was one"
    finally:
        spool.chmod(ALLOWED)
        first.chmod(ALLOWED)
    second = record(product, 5)
    stop(product)
    assert ended(product, second, "recorded") >= 5
    assert ended(product, first, "interrupted") == rows >= 8, "closed by the sweep, the rig being at other takes"


def test_a_take_ends_as_it_should_where_only_new_ones_may_not_be_made(product: Product) -> None:
    take = record(product, 4)
    (product.home / "spool").chmod(DENIED)
    try:
        until(lambda: rows_in(take) >= 8)
        stop(product)
        assert ended(product, take, "recorded") >= 8
    finally:
        (product.home / "spool").chmod(ALLOWED)
