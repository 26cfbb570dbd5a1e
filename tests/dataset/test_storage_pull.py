"""A dataset comes from object storage: whole or in part, resumed, and exactly what is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, delete_episodes, verify_dataset
from robotdata.dataset.exchange.errors import Cancelled, Passing, TransferRefused
from robotdata.dataset.exchange.fetch import Source
from robotdata.dataset.exchange.watcher import Watcher
from robotdata.dataset.storage.client import Access, Storage
from robotdata.dataset.storage.names import parse_target
from robotdata.dataset.storage.pull import pull
from tests.dataset.conftest import LENGTHS, Bench
from tests.support.fake_s3 import FakeS3
from tests.support.fake_server import Trouble
from tests.support.hub_steps import every, sent_files
from tests.support.storage_steps import FOLDER, LIST, TARGET, enlarge, fetched_from, quick_storage, sent_to


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, six: Bench) -> Iterator[FakeS3]:
    """A storage that has six episodes."""
    with quick_storage(monkeypatch) as running:
        sent_to(running, six.root)
        running.seen.clear()
        yield running


def files_in(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_all_of_it_comes_as_it_is(six: Bench, server: FakeS3, tmp_path: Path) -> None:
    server.fill(FOLDER, {"meta/old.parquet": b"of a push that could not tidy"})
    seen: list[tuple[int, int]] = []
    root = fetched_from(server, tmp_path / "in", Watcher(lambda done, total: seen.append((done, total))))
    assert files_in(root) == sent_files(six.root)
    assert seen[-1][0] == seen[-1][1] == sum(map(len, files_in(root).values()))
    assert verify_dataset(root).problems == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_connections_that_are_cut_cost_nothing(six: Bench, server: FakeS3, tmp_path: Path, when: str) -> None:
    server.trouble = every(3, Trouble(when=when))
    assert files_in(fetched_from(server, tmp_path / "in")) == sent_files(six.root)


def test_it_goes_on_in_the_middle_of_a_file(six: Bench, server: FakeS3, tmp_path: Path) -> None:
    stopping = Watcher(is_cancelled=lambda: len([each for each in server.seen if "/data/" in each]) > 0)
    with pytest.raises(Cancelled):
        fetched_from(server, tmp_path / "in", stopping)
    name = sorted(name for name in sent_files(six.root) if name.startswith("data/"))[0]
    part = tmp_path / f"in/files/{name}.part"
    part.write_bytes(sent_files(six.root)[name][:100])
    before = len(server.seen)
    assert files_in(fetched_from(server, tmp_path / "in")) == sent_files(six.root)
    assert not [each for each in server.seen[before:] if "list-type" in each]


def test_what_was_damaged_on_the_way_is_fetched_again(six: Bench, server: FakeS3, tmp_path: Path) -> None:
    part = tmp_path / "in/files/meta/info.json.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 10)
    with pytest.raises(Passing, match="damaged"):
        fetched_from(server, tmp_path / "in")
    assert verify_dataset(fetched_from(server, tmp_path / "in")).problems == []


def test_some_episodes_come_without_the_files_of_the_others(six: Bench, server: FakeS3, tmp_path: Path) -> None:
    root = fetched_from(server, tmp_path / "in", episodes=(0, 1))
    assert [episode.length for episode in DatasetFolder.open(root).episodes] == [LENGTHS[0], LENGTHS[1]]
    assert verify_dataset(root).problems == []
    with pytest.raises(TransferRefused, match="has 6 episodes"):
        fetched_from(server, tmp_path / "other", episodes=(6,))


def test_a_push_that_has_not_ended_is_waited_for(six: Bench, server: FakeS3, tmp_path: Path) -> None:
    key = f"{FOLDER}/{LIST}"
    server.objects[key].data = server.objects[key].data.replace(b'"complete": true', b'"complete": false')
    with pytest.raises(Passing, match="being written"):
        fetched_from(server, tmp_path / "in")


@pytest.mark.parametrize("is_gone", [True, False])
def test_files_that_are_not_those_of_the_list_are_not_fetched(
    six: Bench, server: FakeS3, tmp_path: Path, is_gone: bool
) -> None:
    name = sorted(name for name in sent_files(six.root) if name.startswith("data/"))[0]
    if is_gone:
        del server.objects[f"{FOLDER}/{name}"]
    else:
        server.fill(FOLDER, {name: b"of another program"})
    with pytest.raises(TransferRefused, match=f"^1 of {len(sent_files(six.root))} files .*first {name}"):
        fetched_from(server, tmp_path / "in")
    assert len([each for each in server.seen if "list-type" in each]) == 2 and not (tmp_path / "in").exists()


def test_a_file_that_comes_a_moment_later_is_waited_for(six: Bench, server: FakeS3, tmp_path: Path) -> None:
    """A list and its objects are two questions: a push may end between them."""
    gone = {key: server.objects.pop(key) for key in [f"{FOLDER}/meta/info.json"]}

    def come(method: str, path: str, count: int) -> None:
        if method == "GET" and path.endswith(LIST):
            server.objects.update(gone)

    server.trouble = come
    assert files_in(fetched_from(server, tmp_path / "in")) == sent_files(six.root)


def test_a_list_that_cannot_be_read_is_not_taken_for_none(six: Bench, server: FakeS3, tmp_path: Path) -> None:
    server.fill(FOLDER, {LIST: b"[1, 2"})
    with pytest.raises(TransferRefused, match="cannot be read"):
        fetched_from(server, tmp_path / "in")


def test_a_later_push_does_not_mix_with_what_came(six: Bench, server: FakeS3, tmp_path: Path) -> None:
    stopping = Watcher(is_cancelled=lambda: len([each for each in server.seen if "/data/" in each]) > 0)
    with pytest.raises(Cancelled):
        fetched_from(server, tmp_path / "in", stopping)
    delete_episodes(six.root, [0], **six.places)
    sent_to(server, six.root)
    with pytest.raises(TransferRefused, match="was changed while it was fetched"):
        fetched_from(server, tmp_path / "in")


def test_a_dataset_of_another_program_comes_too(six: Bench, server: FakeS3, tmp_path: Path) -> None:
    del server.objects[f"{FOLDER}/{LIST}"]
    assert files_in(fetched_from(server, tmp_path / "in")) == sent_files(six.root)


def test_what_is_kept_encrypted_is_not_taken_for_damaged(six: Bench, server: FakeS3, tmp_path: Path) -> None:
    """Its ETags look like MD5 and are none. Our hash in an object's metadata says more than its size."""
    files = sent_files(six.root)
    del server.objects[f"{FOLDER}/{LIST}"]
    server.sealed = True
    server.fill(FOLDER, files)
    first = sorted(files)[0]
    part = tmp_path / f"in/files/{first}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(files[first])  # all of it is there, so it is not asked for again
    assert files_in(fetched_from(server, tmp_path / "in")) == files
    server.objects[f"{FOLDER}/{first}"].metadata["sha256"] = "0" * 64
    with pytest.raises(Passing, match="damaged"):
        fetched_from(server, tmp_path / "other")


def test_a_bucket_that_encrypts_is_sent_to(six: Bench, server: FakeS3, tmp_path: Path) -> None:
    server.sealed = True
    enlarge(six.root)
    sent_to(server, six.root)
    assert sent_to(server, six.root).sent_files == 0
    assert files_in(fetched_from(server, tmp_path / "in")) == sent_files(six.root)


def test_a_public_bucket_needs_no_keys(six: Bench, server: FakeS3, tmp_path: Path) -> None:
    server.public = True
    target = parse_target(TARGET)
    root = pull(Storage(Access(server.url)), target, Source(str(target)), tmp_path / "in", Watcher())
    assert files_in(root) == sent_files(six.root)
    server.public = False
    with pytest.raises(TransferRefused, match="may not do that"):
        pull(Storage(Access(server.url)), target, Source(str(target)), tmp_path / "other", Watcher())


def test_what_is_no_dataset_is_refused(server: FakeS3, tmp_path: Path) -> None:
    server.objects.clear()
    with pytest.raises(TransferRefused, match="holds no file"):
        fetched_from(server, tmp_path / "in")
    server.fill(FOLDER, {"model.bin": b"x"})
    with pytest.raises(TransferRefused, match="not of a LeRobot dataset"):
        fetched_from(server, tmp_path / "in")
