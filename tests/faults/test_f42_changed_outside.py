"""F42: A dataset's folder is moved, replaced, half copied or made unreadable while the product runs.

The product notices and reports it and overwrites nothing; once the folder is put right, everything is there again.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from robotdata.video.barcode import read
from robotdata.video.jpeg import decode_jpeg
from tests.faults.two_days import BEFORE, COMMITTED, FRESH, QUICK, commit, judge, take
from tests.support import whole as product_of
from tests.support.soak_product import Product
from tests.support.whole import as_a_user, asked

pytestmark = pytest.mark.faults
FRONT = "observation.images.front"
CALM = {200, 404, 410}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    home = tmp_path_factory.mktemp("home")
    made = Product(home, 0, as_a_user())
    made.python(f"from {__name__} import seed; seed()")
    made.start()
    try:
        yield made
        assert made.stop() == 0
        assert "Traceback" not in made.log.read_text()
    finally:
        made.kill_everything()


def seed() -> None:
    """Two commits of one episode each; a third take is kept."""
    import django

    django.setup()
    from django.core.management import call_command

    from recorder.actor import Actor
    from recorder.catalog.datasets import create_dataset

    call_command("migrate", verbosity=0, interactive=False)
    create_dataset(title="Cubes", actor=Actor("olga"), encoding=QUICK)
    for pk in (COMMITTED, FRESH, BEFORE):
        take(pk)
        judge(pk, "keep")
        if pk != BEFORE:
            commit("cubes", pk)


def until(true: Callable[[], Any]) -> Any:
    return product_of.until(true, 40)


def folder(product: Product) -> Path:
    return product.home / "datasets/cubes"


def dataset(product: Product) -> Any:
    return asked(product, "/api/datasets/cubes")


def seen(product: Product, pk: str, tick: int = 2) -> tuple[int, Any]:
    """(status, which frame it was), or what was said."""
    status, data = product.ask("GET", f"/media/{pk}/frame/{FRONT}/{tick}.jpg")
    return (status, read(decode_jpeg(data)).tick) if status == 200 else (status, data["error"]["message"])


def pages(product: Product) -> set[int]:
    paths = ["/api/datasets", "/api/datasets/cubes", "/api/episodes?dataset=cubes", "/api/datasets/cubes/revisions"]
    paths += [f"/api/episodes/{COMMITTED}", "/api/datasets/cubes/planned", f"/media/{COMMITTED}/signals.bin"]
    paths += [f"/media/{COMMITTED}/strip/{FRONT}.jpg", f"/media/{COMMITTED}/video/{FRONT}.mp4"]
    return {product.ask("GET", path)[0] for path in paths}


def test_a_folder_that_was_moved_away_is_missed_and_nothing_is_put_in_its_place(product: Product) -> None:
    assert seen(product, COMMITTED) == (200, 2) and pages(product) == {200}
    folder(product).rename(product.home / "away")
    status, said = seen(product, COMMITTED)
    assert status == 410 and "there is no such folder" in said and pages(product) <= CALM
    problem = until(lambda: dataset(product)["problem"])
    assert f"The folder {folder(product)} is missing" in problem
    assert dataset(product)["committed"] == 2, "its episodes are not forgotten"
    status, said = product.ask("PATCH", f"/api/episodes/{COMMITTED}", {"note": "seen"})
    assert status == 409 and said["error"]["code"] == "no_folder" and "is missing" in said["error"]["message"], said
    status, operation = product.ask("POST", "/api/datasets/cubes/encode", {})
    assert status == 202, operation
    failed = until(
        lambda: (now := asked(product, f"/api/operations/{operation['id']}")).get("state") == "failed" and now
    )
    assert f"The folder {folder(product)} is missing" in failed["error"]
    assert not folder(product).exists(), "a new dataset was begun where the old one was"
    assert (product.home / "spool" / BEFORE).is_dir()


def test_an_earlier_copy_in_its_place_is_believed(product: Product) -> None:
    shutil.copytree(product.home / "datasets/.revisions/cubes/1", folder(product))  # as `git checkout` would
    until(lambda: dataset(product)["committed"] == 1)
    assert dataset(product)["problem"] == ""
    assert seen(product, COMMITTED) == (200, 2) and pages(product) == {200}
    assert asked(product, f"/api/episodes/{FRESH}")["error"].startswith("It is no longer in Cubes")
    assert seen(product, FRESH)[0] == 410
    shutil.rmtree(folder(product))


def test_half_a_copy_is_said_and_what_is_there_is_shown(product: Product) -> None:
    away = product.home / "away"
    for part in ("data", "meta"):  # in rsync's order: the videos come last
        shutil.copytree(away / part, folder(product) / part)
    status, said = seen(product, COMMITTED)
    assert status == 410 and "file-000.mp4 is missing or empty" in said
    assert product.ask("GET", f"/media/{COMMITTED}/signals.bin")[0] == 200 and pages(product) <= CALM
    (folder(product) / "meta/info.json").write_bytes((away / "meta/info.json").read_bytes()[:300])
    status, said = seen(product, COMMITTED)
    assert status == 410 and "info.json" in said and "not valid JSON" in said and pages(product) <= CALM
    shutil.rmtree(folder(product))


def test_a_folder_of_another_user_that_may_not_be_read_is_named(product: Product) -> None:
    if os.geteuid() == 0 and not product.before:
        pytest.skip("root may read everything, and there is no `setpriv` to take that right away")
    shutil.copytree(product.home / "away", folder(product))
    meta = folder(product) / "meta"
    meta.chmod(0o000)
    problem = until(lambda: "denied" in (found := dataset(product)["problem"]) and found)
    assert str(folder(product)) in problem and "Permission denied" in problem
    status, said = seen(product, COMMITTED)
    assert status == 410 and "Permission denied" in said and pages(product) <= CALM
    status, said = product.ask("PATCH", f"/api/episodes/{COMMITTED}", {"note": "seen"})
    assert status == 503 and "Permission denied" in said["error"]["message"], said
    meta.chmod(0o755)
    shutil.rmtree(folder(product))


def test_put_right_everything_is_there_and_nothing_was_overwritten(product: Product) -> None:
    (product.home / "away").rename(folder(product))
    until(lambda: dataset(product)["committed"] == 2)
    assert dataset(product)["problem"] == "" and pages(product) == {200}
    (operation,) = [each for each in asked(product, "/api/operations")["items"] if each["state"] == "failed"]
    assert product.ask("POST", f"/api/operations/{operation['id']}/retry")[0] == 200
    until(lambda: dataset(product)["committed"] == 3)
    assert [seen(product, pk, 3) for pk in (COMMITTED, FRESH, BEFORE)] == [(200, 3)] * 3
    entries = json.loads((folder(product) / "meta/robotdata.json").read_text())["episodes"]
    assert [entry["uuid"] for entry in entries] == [str(uuid.UUID(pk)) for pk in (COMMITTED, FRESH, BEFORE)]
    done = product.manage("verify", "cubes", "--deep")
    assert done.returncode == 0 and "3 episodes, 12 frames: nothing wrong" in done.stdout, done.stdout
