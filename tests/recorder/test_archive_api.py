"""A dataset is downloaded over HTTP: exact length, resumed from any byte, and never a mixture of two states."""

from __future__ import annotations

import asyncio
import io
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recorder.actor import Actor
from recorder.api.archives import ArchivePieces
from recorder.jobs.revising import apply_changes
from recorder.models import Dataset, Episode
from recorder.review.verdicts import set_verdict
from robotdata.byte_ranges import ByteRange
from robotdata.dataset import DatasetFolder
from robotdata.dataset.exchange.zip_plan import SentFile, ZipPlan
from tests.recorder.conftest import FOUR, work
from tests.support.streamed import body_of

ADDRESS = "/api/datasets/cubes/archive.zip"


@pytest.fixture
def client(db: None) -> Client:
    made = Client()
    made.force_login(User.objects.create_user("ann"))
    return made


def unzipped(data: bytes, folder: Path) -> DatasetFolder:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return DatasetFolder.open(folder / "cubes")


def lengths(dataset: DatasetFolder) -> list[int]:
    return [episode.length for episode in dataset.episodes]


def test_the_whole_dataset_is_one_file_of_the_stated_length(
    client: Client, four: list[Episode], tmp_path: Path
) -> None:
    response = client.get(ADDRESS)
    data = body_of(response)
    assert (response.status_code, response["Content-Type"]) == (200, "application/zip")
    assert int(response["Content-Length"]) == len(data)
    assert response["Content-Disposition"] == 'attachment; filename="cubes.zip"'
    assert lengths(unzipped(data, tmp_path)) == list(FOUR)
    head = client.head(ADDRESS)
    assert (head["Content-Length"], head["ETag"], head.content) == (str(len(data)), response["ETag"], b"")
    assert client.get(ADDRESS, headers={"If-None-Match": response["ETag"]}).status_code == 304


def test_a_download_is_resumed_also_after_the_dataset_has_changed(client: Client, four: list[Episode]) -> None:
    first = client.get(ADDRESS)
    data, etag, version = body_of(first), first["ETag"], first["X-Version"]
    half = len(data) // 2
    rest = {"Range": f"bytes={half}-", "If-Range": etag}
    resumed = client.get(ADDRESS, headers=rest)
    assert (resumed.status_code, resumed["Content-Range"]) == (206, f"bytes {half}-{len(data) - 1}/{len(data)}")
    assert data[:half] + body_of(resumed) == data

    set_verdict(episodes=[four[1]], verdict="reject", actor=Actor("ann"))
    work(apply_changes(dataset=Dataset.objects.get(), actor=Actor("ann")))

    again = client.get(f"{ADDRESS}?v={version}", headers=rest)
    assert again.status_code == 206
    assert data[:half] + body_of(again) == data
    fresh = client.get(ADDRESS, headers=rest)  # another state: from its beginning
    assert fresh.status_code == 200
    assert fresh["ETag"] != etag
    assert client.get(ADDRESS, headers={"If-Match": etag}).status_code == 412
    gone = client.get(f"{ADDRESS}?v=0123456789")
    assert (gone.status_code, gone.json()["error"]["code"]) == (412, "changed")


def test_a_download_takes_no_thread_from_the_pages(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"frames")
    plan = ZipPlan([SentFile.of(tmp_path / "a", "a")])

    async def end_of_it() -> bytes:
        ended = ThreadPoolExecutor(1)
        ended.shutdown()
        asyncio.get_running_loop().set_default_executor(ended)  # the threads of the pages: all in use
        return b"".join([piece async for piece in ArchivePieces(plan, ByteRange(plan.size - 22, plan.size))])

    assert asyncio.run(end_of_it()).startswith(b"PK\x05\x06")


def test_a_range_outside_is_refused(client: Client, four: list[Episode]) -> None:
    beyond = client.get(ADDRESS, headers={"Range": "bytes=999999999-"})
    assert beyond.status_code == 416 and beyond["Content-Range"] == f"bytes */{client.head(ADDRESS)['Content-Length']}"


@pytest.mark.parametrize(("query", "count"), [("episodes=0,2-3", 3), ("q=push", 4), ("longer=0.22", 2)])
def test_a_choice_of_episodes_is_a_dataset(
    query: str, count: int, client: Client, four: list[Episode], tmp_path: Path
) -> None:
    response = client.get(f"{ADDRESS}?{query}")
    assert len(lengths(unzipped(body_of(response), tmp_path))) == count


@pytest.mark.parametrize(
    ("query", "status"), [("episodes=x", 422), ("episodes=1-", 422), ("episodes=99", 409), ("q=nothing+like+it", 404)]
)
def test_a_choice_that_is_empty_or_wrong_is_named(query: str, status: int, client: Client, four: list[Episode]) -> None:
    assert client.get(f"{ADDRESS}?{query}").status_code == status


@pytest.mark.parametrize("numbers", ["4", "0-999999", "0-999999," * 300 + "1"])
def test_numbers_that_no_episode_has_are_named_before_they_are_counted(
    numbers: str, client: Client, four: list[Episode]
) -> None:
    answer = client.get(ADDRESS, {"episodes": numbers})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_episode")


def test_nobody_without_an_account_downloads(db: None, cubes: Dataset) -> None:
    assert Client().get(ADDRESS).status_code == 401


def test_a_dataset_without_episodes_is_named(client: Client, cubes: Dataset, home: Any) -> None:
    assert client.get(ADDRESS).json()["error"]["code"] == "empty"


def test_the_pages_offer_it_with_its_size(client: Client, four: list[Episode]) -> None:
    assert ADDRESS in client.get("/datasets/cubes/?view=committed&q=push").content.decode()
    size = client.head(ADDRESS)["Content-Length"]
    assert f"{int(size) / 1000:.0f} kB" in client.get("/datasets/cubes/download/").content.decode()
    assert "archive.zip?episodes=0" in client.get(f"/episodes/{four[0].pk}/").content.decode()


@pytest.mark.parametrize(("query", "count", "name"), [("", 4, "cubes"), ("?episodes=2", 1, "cubes-episode-2")])
def test_the_same_goes_out_as_a_tar_file_and_is_resumed(
    query: str, count: int, name: str, client: Client, four: list[Episode], tmp_path: Path
) -> None:
    address = ADDRESS.replace(".zip", ".tar") + query
    response = client.get(address)
    data = body_of(response)
    assert (response["Content-Type"], int(response["Content-Length"])) == ("application/x-tar", len(data))
    assert response["Content-Disposition"] == f'attachment; filename="{name}.tar"'
    assert response["ETag"] != client.head(ADDRESS + query)["ETag"]
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(tmp_path, filter="data")
    assert len(DatasetFolder.open(tmp_path / "cubes").episodes) == count
    rest = {"Range": f"bytes={len(data) // 2}-", "If-Range": response["ETag"]}
    assert body_of(client.get(address, headers=rest)) == data[len(data) // 2 :]
