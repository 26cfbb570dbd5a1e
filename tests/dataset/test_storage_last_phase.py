"""The last requests of a push, while readers find no dataset: few, without content, and each by who holds the list."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from robotdata.dataset import delete_episodes
from robotdata.dataset.exchange.progress import Watch
from robotdata.dataset.storage.errors import StorageRefused
from tests.dataset.conftest import Bench
from tests.support.fake_s3 import FakeS3
from tests.support.fake_server import Trouble
from tests.support.hub_steps import sent_files
from tests.support.storage_steps import FOLDER, LIST, quick_storage, sent_to, there

FULL = Trouble(403, "QuotaExceeded")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, six: Bench) -> Iterator[FakeS3]:
    """A storage with six episodes, of which one has been deleted here since."""
    with quick_storage(monkeypatch) as running:
        sent_to(running, six.root)
        delete_episodes(six.root, [0], **six.places)
        yield running


def is_content(method: str, path: str) -> bool:
    return method == "PUT" and LIST not in path


def test_a_bucket_that_is_full_keeps_the_dataset_that_it_has(six: Bench, server: FakeS3) -> None:
    before = there(server)
    server.trouble = lambda method, path, count: FULL if is_content(method, path) else None
    with pytest.raises(StorageRefused, match="no room left"):
        sent_to(server, six.root)
    assert there(server) == before


def test_no_content_is_sent_once_readers_find_no_dataset(six: Bench, server: FakeS3) -> None:
    """A bucket that is full from then on takes the rest all the same."""
    full = []
    server.trouble = lambda method, path, count: FULL if full and is_content(method, path) else None
    sent_to(server, six.root, Watch(commit=lambda: full.append(True)))
    assert full and there(server) == sent_files(six.root)


def test_a_push_that_fails_there_says_that_there_is_no_dataset(six: Bench, server: FakeS3) -> None:
    joins = Trouble(403, "AccessDenied")
    server.trouble = lambda method, path, count: joins if method == "POST" and "uploadId=" in path else None
    with pytest.raises(StorageRefused, match="shows no dataset until a push to it succeeds"):
        sent_to(server, six.root)
    assert "meta/info.json" not in there(server)
    server.trouble = lambda method, path, count: None
    sent_to(server, six.root)
    assert there(server) == sent_files(six.root)


def test_two_pushes_of_one_state_write_different_lists(six: Bench, server: FakeS3) -> None:
    """Else the one would take the list of the other one for its own, and both would go on."""
    lists = []

    def fail(method: str, path: str, count: int) -> Trouble | None:
        return Trouble(403, "AccessDenied") if method == "POST" and "uploadId=" in path else None

    server.trouble = fail
    for _ in range(2):
        with pytest.raises(StorageRefused):
            sent_to(server, six.root)
        lists.append(server.objects[f"{FOLDER}/{LIST}"].etag)
    assert lists[0] != lists[1]


def test_a_lost_answer_of_a_join_is_no_other_push(six: Bench, server: FakeS3) -> None:
    """The file is there: it is not sent again."""
    server.written.clear()
    joins: list[str] = []

    def lose(method: str, path: str, count: int) -> Trouble | None:
        if method != "POST" or "uploadId=" not in path:
            return None
        joins.append(path)
        return Trouble(when="after") if joins.count(path) == 1 else None

    server.trouble = lose
    sent_to(server, six.root)
    lists = [each for each in server.written if each.endswith(LIST)]
    assert there(server) == sent_files(six.root) and len(joins) == 2 * len(set(joins)) > 6
    assert len(lists) == 2, "it took one round"


def test_a_storage_without_conditions_is_sent_to_all_the_same(six: Bench, server: FakeS3) -> None:
    server.conditions = False
    sent_to(server, six.root)
    assert there(server) == sent_files(six.root) and sent_to(server, six.root).sent_files == 0
