"""Steps of tests that push a dataset to a Hub: open the state that is sent, push it, say what was seen there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from robotdata.dataset.exchange.contents import Contents, contents_of
from robotdata.dataset.exchange.progress import Pushed, Watch
from robotdata.dataset.exchange.snapshot import archive_of
from robotdata.dataset.hub.client import Access, Hub, library
from robotdata.dataset.hub.push import PushRequest, push
from tests.support.fake_hub import TOKEN, FakeHub

REPO = "olga/cubes"
OURS = ("meta/robotdata.json",)


@contextmanager
def quick_hub(patch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A Hub that runs. Its client does not wait before it tries again, and nobody is signed in on this computer."""
    library()
    patch.setattr("huggingface_hub.utils._http.time", SimpleNamespace(sleep=lambda seconds: None))
    patch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nowhere/token")
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        patch.delenv(name, raising=False)
    with FakeHub().running() as running:
        yield running


def hub_of(server: FakeHub, token: str = TOKEN) -> Hub:
    """A client that does not wait between its tries."""
    stopped = threading.Event()
    stopped.wait = lambda timeout=None: stopped.is_set()  # type: ignore[method-assign]
    return Hub(Access(server.url, token), stopped=stopped)


def contents(root: Path) -> Contents:
    return contents_of(archive_of(root, root.parent / ".work", root.name), root.name)


def pushed(server: FakeHub, root: Path, *, token: str = TOKEN, watch: Watch | None = None, **more: Any) -> Pushed:
    request = PushRequest(**{"repository": REPO, "title": "Cubes", "mark": "mark-1", **more})
    return push(hub_of(server, token), contents(root), request, watch or Watch())


def sent_files(root: Path) -> dict[str, bytes]:
    """What belongs to the dataset, by its path."""
    paths = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in paths.items() if name not in OURS}


def every(number: int, trouble: Any) -> Callable[[str, str, int], Any]:
    """Make `trouble` of each `number`-th request."""
    return lambda method, path, count: None if count % number else trouble
