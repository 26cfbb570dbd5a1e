"""Uploads in parts that were begun, by us or by others, and lists that do not end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from robotdata.dataset.storage.errors import StorageRefused
from tests.dataset.conftest import Bench
from tests.support.fake_s3 import FakeS3, Upload
from tests.support.hub_steps import sent_files
from tests.support.storage_steps import FOLDER, enlarge, quick_storage, sent_to, there


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    with quick_storage(monkeypatch) as running:
        yield running


def begin(server: FakeS3, number: str, name: str) -> None:
    server.uploads[number] = Upload(f"{FOLDER}/{name}", {}, {1: b"theirs"})


def test_only_uploads_that_nobody_will_end_are_removed(six: Bench, server: FakeS3) -> None:
    """Parts that are left for a day cost money; those of a push that runs are its work."""
    name = enlarge(six.root).relative_to(six.root).as_posix()
    begin(server, "left", name)
    begin(server, "left-beside", "videos/of-another-revision.mp4")
    begin(server, "of-another-program", "training/run.ckpt")
    server.age_uploads()
    begin(server, "now", name)
    begin(server, "now-beside", "videos/new.mp4")
    sent_to(server, six.root)
    assert sorted(server.uploads) == ["now", "now-beside", "of-another-program"]
    assert there(server) == sent_files(six.root)


@pytest.mark.parametrize("kind", ["repeats", "empty"])
def test_a_list_that_does_not_end_is_refused(six: Bench, server: FakeS3, kind: str) -> None:
    sent_to(server, six.root)
    server.endless = kind
    server.seen.clear()
    with pytest.raises(StorageRefused, match="does not end its list"):
        sent_to(server, six.root)
    assert len(server.seen) <= 2


def test_uploads_without_a_next_page_are_those_that_are_there(six: Bench, server: FakeS3) -> None:
    """A storage says that there are more, and not where: nothing is asked for again."""

    def begin_endless(method: str, path: str, count: int) -> None:
        server.endless = "repeats" if path.endswith("uploads") or "uploads&" in path or "uploads=" in path else ""

    server.trouble = begin_endless
    sent_to(server, six.root)
    assert there(server) == sent_files(six.root)
