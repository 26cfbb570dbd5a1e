"""Steps of tests that send a dataset to object storage, and fetch it from there."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from robotdata.dataset.exchange.fetch import Source
from robotdata.dataset.exchange.progress import Pushed, Watch
from robotdata.dataset.exchange.watcher import Watcher
from robotdata.dataset.storage.client import Access, Storage
from robotdata.dataset.storage.names import parse_target
from robotdata.dataset.storage.pull import pull
from robotdata.dataset.storage.push import push
from tests.support.fake_s3 import BUCKET, KEY, SECRET, FakeS3
from tests.support.hub_steps import contents

FOLDER = "sets/cubes"
TARGET = f"s3://{BUCKET}/{FOLDER}"
LIST = "robotdata.json"


@contextmanager
def quick_storage(patch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    """A storage that runs. This computer has no keys, and nobody waits before something is tried again."""
    for name, value in no_keys().items():
        patch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        patch.delenv(name, raising=False)
    patch.setattr("robotdata.dataset.exchange.again._FIRST_PAUSE_S", 0.0)
    with FakeS3().running() as running:
        yield running


def no_keys() -> dict[str, str]:
    """The environment of a computer whose user has no keys."""
    names = {"AWS_CONFIG_FILE": "/nowhere/config", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials"}
    return {**names, "AWS_EC2_METADATA_DISABLED": "true"}


def storage_of(server: FakeS3, key: str = KEY, secret: str = SECRET) -> Storage:
    """A client that does not wait between its tries."""
    stopped = threading.Event()
    stopped.wait = lambda timeout=None: stopped.is_set()  # type: ignore[method-assign]
    return Storage(Access(server.url, "", key, secret), stopped=stopped)


def sent_to(
    server: FakeS3, root: Path, watch: Watch | None = None, *, storage: Storage | None = None, replace: bool = False
) -> Pushed:
    watch = watch or Watch()
    return push(storage or storage_of(server), contents(root), parse_target(TARGET), watch, replace=replace)


def fetched_from(server: FakeS3, folder: Path, watcher: Watcher | None = None, **more: Any) -> Path:
    target = parse_target(TARGET)
    return pull(storage_of(server), target, Source(str(target), **more), folder, watcher or Watcher())


def there(server: FakeS3) -> dict[str, bytes]:
    """What is there of the dataset, without our list."""
    return {name: data for name, data in server.content(FOLDER).items() if name != LIST}


def enlarge(root: Path, seed: int = 1, size: int = 18 << 20) -> Path:
    """Make a video of the dataset so large that it goes in three parts."""
    path = sorted(root.glob("videos/**/*.mp4"))[0]
    small = path.read_bytes()[: 1 << 16]
    path.write_bytes(small + random.Random(seed).randbytes(size))
    return path
