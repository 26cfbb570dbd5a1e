"""A dataset comes from a Hub: whole or in part, resumed, and exactly what is there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.exchange import unpack as unpacking
from robotdata.dataset.exchange.errors import Cancelled, Passing, TransferError, TransferRefused
from robotdata.dataset.exchange.fetch import Source, numbers_of
from robotdata.dataset.exchange.watcher import Watcher
from robotdata.dataset.hub.names import parse_repository
from robotdata.dataset.hub.pull import pull
from tests.dataset.conftest import CAMERAS, LENGTHS, Bench, barcodes, expected
from tests.support.fake_hub import FakeHub
from tests.support.fake_server import Trouble
from tests.support.hub_steps import REPO, every, hub_of, quick_hub, sent_files


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, six: Bench) -> Iterator[FakeHub]:
    """A Hub that has six episodes."""
    with quick_hub(monkeypatch) as running:
        running.fill(REPO, {**sent_files(six.root), "README.md": b"# Cubes", ".gitattributes": b""})
        yield running


def pulled(server: FakeHub, folder: Path, watcher: Watcher | None = None, *, token: str = "", **more: Any) -> Path:
    repository = parse_repository(more.pop("repository", REPO), more.pop("revision", ""))
    return pull(hub_of(server, token), repository, Source(repository.id, **more), folder, watcher or Watcher())


def files_in(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_all_of_it_comes_as_it_is(six: Bench, server: FakeHub, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    root = pulled(server, tmp_path / "in", Watcher(lambda done, total: seen.append((done, total))))
    assert files_in(root) == {**sent_files(six.root), "README.md": b"# Cubes"}
    assert seen[-1][0] == seen[-1][1] == sum(map(len, files_in(root).values()))
    assert verify_dataset(root).problems == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_connections_that_are_cut_cost_nothing(six: Bench, server: FakeHub, tmp_path: Path, when: str) -> None:
    server.trouble = every(3, Trouble(when=when))
    assert files_in(pulled(server, tmp_path / "in")).keys() == {*sent_files(six.root), "README.md"}


def test_it_goes_on_in_the_middle_of_a_file(six: Bench, server: FakeHub, tmp_path: Path) -> None:
    """What was there is not fetched again; a part that was damaged is noticed, and fetched again."""
    stopping = Watcher(is_cancelled=lambda: len([path for path in server.seen if "/cdn/" in path]) > 3)
    with pytest.raises(Cancelled):
        pulled(server, tmp_path / "in", stopping)
    before = list(server.seen)
    first = next(path for path in (tmp_path / "in").rglob("*.parquet"))
    data = first.read_bytes()
    first.rename(first.with_name(f"{first.name}.part"))
    first.with_name(f"{first.name}.part").write_bytes(data[:100])
    repo = server.repos[REPO]
    head = repo.head()
    assert head is not None
    server.commit(repo, {"meta/info.json": b"{}"}, "somebody empties it")
    assert files_in(pulled(server, tmp_path / "in")).keys() == {*sent_files(six.root), "README.md"}
    again = server.seen[len(before) :]
    assert len(again) < len(sent_files(six.root)) * 2 and first.read_bytes() == data


def test_a_part_that_was_damaged_is_fetched_again(six: Bench, server: FakeHub, tmp_path: Path) -> None:
    target = tmp_path / "in/files/meta/info.json"
    target.parent.mkdir(parents=True)
    target.with_name("info.json.part").write_bytes(b"x" * 10)
    with pytest.raises(Passing, match="damaged"):
        pulled(server, tmp_path / "in")
    assert verify_dataset(pulled(server, tmp_path / "in")).problems == []


def test_some_episodes_come_without_the_files_of_the_others(six: Bench, server: FakeHub, tmp_path: Path) -> None:
    root = pulled(server, tmp_path / "in", episodes=(0, 1))
    dataset = DatasetFolder.open(root)
    assert [episode.length for episode in dataset.episodes] == [LENGTHS[0], LENGTHS[1]]
    shown = [[code for key in CAMERAS for code in barcodes(dataset, n, key)] for n in range(2)]
    assert shown == [expected(0, LENGTHS[0]), expected(1, LENGTHS[1])]
    assert verify_dataset(root).problems == []
    fetched = [path for path in server.seen if "/cdn/" in path]
    large = [data for name, data in sent_files(six.root).items() if name.endswith((".mp4", ".parquet"))]
    assert len(set(fetched)) < len({hashlib.sha256(data).hexdigest() for data in large})
    with pytest.raises(TransferRefused, match="has 6 episodes"):
        pulled(server, tmp_path / "other", episodes=(6,))


def test_it_comes_without_videos(six: Bench, server: FakeHub, tmp_path: Path) -> None:
    root = pulled(server, tmp_path / "in", videos=False)
    assert not (root / "videos").exists() and len(DatasetFolder.open(root).episodes) == 6
    with pytest.raises(TransferRefused, match="together with their videos"):
        pulled(server, tmp_path / "some", videos=False, episodes=(2,))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"repository": "olga/none"}, "does not exist, or it is private"),
        ({"repository": "olga/secret"}, "does not exist, or it is private"),
        ({"repository": "olga/gated"}, "is gated: ask for access"),
        ({"repository": "olga/model"}, "not a LeRobot dataset"),
        ({"revision": "v9"}, "no such revision"),
    ],
)
def test_a_refusal_is_said_in_words(server: FakeHub, tmp_path: Path, more: dict[str, Any], words: str) -> None:
    server.fill("olga/secret", {"meta/info.json": b"{}"}, private=True)
    server.fill("olga/gated", {"meta/info.json": b"{}"}).gated = True
    server.fill("olga/model", {"config.json": b"{}"})
    with pytest.raises(TransferRefused, match=words):
        pulled(server, tmp_path / "in", **more)


def test_a_disk_that_is_too_small_is_said_before_it_begins(
    server: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "RESERVE_BYTES", 1 << 60)
    with pytest.raises(TransferError, match="are needed on the disk"):
        pulled(server, tmp_path / "in")
    assert not [path for path in server.seen if "/cdn/" in path]


def test_names_that_no_file_may_have_stay_there(six: Bench, server: FakeHub, tmp_path: Path) -> None:
    hostile = {"../out": b"x", "/abs": b"x", "a/../../b": b"x", ".git/config": b"x", "a\\b": b"x", "data/.hidden": b"x"}
    server.fill(REPO, {**sent_files(six.root), **hostile})
    root = pulled(server, tmp_path / "in")
    assert files_in(root) == sent_files(six.root)


@pytest.mark.parametrize(
    ("text", "name", "revision"),
    [
        ("olga/cubes", "olga/cubes", ""),
        (" datasets/olga/cubes ", "olga/cubes", ""),
        ("https://huggingface.co/datasets/olga/cubes", "olga/cubes", ""),
        ("https://huggingface.co/datasets/olga/cubes/tree/v2.1/meta", "olga/cubes", "v2.1"),
        ("hf.co/datasets/olga/cu.b_es-1", "olga/cu.b_es-1", ""),
    ],
)
def test_a_repository_is_named_or_linked(text: str, name: str, revision: str) -> None:
    found = parse_repository(text)
    assert (found.id, found.revision) == (name, revision)


def test_an_address_of_another_hub_is_refused() -> None:
    ours = "https://hub.mycompany.example:8443"
    page = f"{ours}/datasets/team/secret"
    assert parse_repository(page, endpoint=ours).id == "team/secret"
    assert parse_repository("https://HF.co/datasets/team/open", endpoint=ours).id == "team/open"
    for text in (page, "https://huggingface.co@evil.example/datasets/team/secret"):
        with pytest.raises(TransferRefused, match="on another Hub than huggingface.co"):
            parse_repository(text)
    with pytest.raises(TransferRefused, match="not an address"):
        parse_repository("https://[/datasets/team/secret")


def test_a_list_of_episodes_is_read_or_refused() -> None:
    assert numbers_of("0, 3,5-7") == (0, 3, 5, 6, 7) and numbers_of(" ") is None
    for text in ("a", "3-1", "-2", "1;2", "1-", "9999999"):
        with pytest.raises(TransferRefused, match="write numbers as"):
            numbers_of(text)
