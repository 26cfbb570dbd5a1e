"""Long answers of a storage, which come in pages. One that does not end is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from robotdata.dataset.storage.client import Storage
from robotdata.dataset.storage.errors import StorageRefused
from robotdata.dataset.storage.names import Target

MAX_PAGES = 10_000


def pages(
    storage: Storage, target: Target, ask: Callable[..., Any], entries: str, following: Mapping[str, str]
) -> Iterator[Mapping[str, Any]]:
    """Yield the pages of an answer.

    `entries`: where a page has its entries; `following`: what the next page is asked with, and where this one says it.
    Raises StorageError; StorageRefused if there are more than MAX_PAGES pages, or if one adds nothing or repeats.
    """
    seen = set()
    for _ in range(MAX_PAGES):
        page = storage.ask(target, ask)
        yield page
        marks = {name: page[place] for name, place in following.items() if page.get(place)}
        if not page.get("IsTruncated") or not marks:
            return
        mark = tuple(sorted(marks.items()))
        if mark in seen or not page.get(entries):
            break
        seen.add(mark)
        ask = partial(ask, **marks)
    raise StorageRefused(f"{storage.host} does not end its list of {target}: ask those who run it, or use another one")
