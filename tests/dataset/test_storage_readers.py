"""Who opens a folder of a bucket while somebody pushes finds the old rows, the new ones or no dataset; never a mix."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from robotdata.dataset import delete_episodes
from robotdata.dataset.exchange.progress import Watch
from tests.dataset.conftest import Bench
from tests.support.fake_s3 import FakeS3, Stored
from tests.support.hub_steps import sent_files
from tests.support.storage_steps import FOLDER, LIST, quick_storage, sent_to, there

INFO = f"{FOLDER}/meta/info.json"
Rows = dict[str, bytes]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    with quick_storage(monkeypatch) as running:
        yield running


def rows(files: dict[str, bytes]) -> Rows:
    """What LeRobot reads by the names of folders: every Parquet file in `data` and `meta`."""
    return {
        name: data for name, data in files.items() if name.startswith(("data/", "meta/")) and name[-7:] == "parquet"
    }


def watch_rows(server: FakeS3) -> list[Rows]:
    """Note the rows that a reader finds, at every request; nothing is noted while there is no dataset."""
    seen: list[Rows] = []

    def look(method: str, path: str, count: int) -> None:
        state = there(server)
        if "meta/info.json" in state and (not seen or rows(state) != seen[-1]):
            seen.append(rows(state))

    server.trouble = look
    return seen


def own_files(bench: Bench) -> dict[str, bytes]:
    return sent_files(bench.root)


def append(bench: Bench) -> None:
    """Add a file of rows and one of episodes, as a commit does whose files are full."""
    (bench.root / "data/chunk-000/file-007.parquet").write_bytes(b"more rows")
    (bench.root / "meta/episodes/chunk-000/file-007.parquet").write_bytes(b"more episodes")
    info = bench.root / "meta/info.json"
    info.write_bytes(info.read_bytes() + b" ")


def test_rows_that_come_are_seen_at_once(six: Bench, server: FakeS3) -> None:
    sent_to(server, six.root)
    before = rows(own_files(six))
    append(six)
    after = rows(own_files(six))
    assert after.keys() - before.keys() == {
        "data/chunk-000/file-007.parquet",
        "meta/episodes/chunk-000/file-007.parquet",
    }
    seen = watch_rows(server)
    sent_to(server, six.root)
    assert seen == [before, after]
    assert there(server) == own_files(six)


def test_rows_that_go_are_not_seen_beside_the_others(six: Bench, server: FakeS3) -> None:
    append(six)
    sent_to(server, six.root)
    before = rows(own_files(six))
    (six.root / "data/chunk-000/file-007.parquet").unlink()
    (six.root / "meta/episodes/chunk-000/file-007.parquet").unlink()
    seen = watch_rows(server)
    assert sent_to(server, six.root).removed_files == 2
    assert seen == [before, rows(own_files(six))]


def test_an_edit_is_seen_as_a_whole(six: Bench, server: FakeS3) -> None:
    sent_to(server, six.root)
    before = rows(own_files(six))
    delete_episodes(six.root, [0, 3], **six.places)
    seen = watch_rows(server)
    sent_to(server, six.root)
    assert seen == [before, rows(own_files(six))]


def test_after_its_list_a_push_removes_nothing(six: Bench, server: FakeS3) -> None:
    """A push that is slow at its end could otherwise remove what somebody else has pushed since."""
    append(six)
    sent_to(server, six.root)
    (six.root / "data/chunk-000/file-007.parquet").unlink()
    server.written.clear()
    sent_to(server, six.root)
    assert f"-{FOLDER}/data/chunk-000/file-007.parquet" in server.written
    assert server.written[-2:] == [INFO, f"{FOLDER}/{LIST}"]


def test_a_slow_push_touches_nothing_of_a_later_one(six: Bench, server: FakeS3) -> None:
    """Another push ends while this one is about to remove files: they belong to that one now."""
    append(six)
    sent_to(server, six.root)
    theirs = dict(server.objects)
    theirs[f"{FOLDER}/{LIST}"] = Stored(server.objects[f"{FOLDER}/{LIST}"].data + b" ", "theirs")
    (six.root / "data/chunk-000/file-007.parquet").unlink()
    changes: list[str] = []
    ended = []

    def meanwhile(method: str, path: str, count: int) -> None:
        if ended and not changes and method in {"PUT", "POST", "DELETE"}:
            changes.append(f"{method} {path}")
        if f"-{INFO}" in server.written and not ended:
            ended.append(path)
            server.objects.clear()
            server.objects.update(theirs)

    server.trouble = meanwhile
    sent_to(server, six.root, Watch())
    assert changes and LIST in changes[0]
    assert there(server) == own_files(six)
