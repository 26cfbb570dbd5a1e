"""Takes committed by the running product, and what the frames of a dataset's folder say."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.video import open_video
from robotdata.video.barcode import read
from tests.support.browser import Product
from tests.support.desk_data import call, until


def shown(root: Path) -> list[tuple[int, list[int]]]:
    """For each episode of the folder its number in the pictures, and their ticks."""
    assert verify_dataset(root, deep=True).problems == []
    dataset, found = DatasetFolder.open(root), []
    for episode in dataset.episodes:
        span = episode.videos[dataset.video_keys[0]]
        with open_video(span.path) as video:
            codes = [read(video.frame(span.first_frame + n)) for n in range(span.frames)]
        found.append((codes[0].episode, [code.tick for code in codes]))
    return found


def commit(product: Product, slug: str, ids: list[str]) -> None:
    ask = product.api.call
    ask("POST", "/api/episodes/verdict", {"episodes": ids, "verdict": "keep"})
    operation = ask("POST", f"/api/datasets/{slug}/encode", {})["id"]
    until(lambda: ask("GET", f"/api/operations/{operation}")["state"], "done", within_s=180)


def until_done(page: Page, operation: str) -> None:
    until(lambda: call(page, "GET", f"/api/operations/{operation}")["state"], "done", within_s=180)
