"""A dataset goes out as a zip file whose size is known, whose bytes are the same each time, and from any of them on."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from robotdata.dataset import DatasetFolder, delete_episodes, verify_dataset
from robotdata.dataset.errors import NoSuchEpisode
from robotdata.dataset.exchange import snapshot, zip_plan
from robotdata.dataset.exchange import unpack as unpacking
from robotdata.dataset.exchange.errors import TransferError
from robotdata.dataset.exchange.snapshot import OtherVersion, archive_of, plan_of, tidy_sent
from robotdata.dataset.exchange.unpack import unpack
from robotdata.dataset.exchange.watcher import Watcher
from robotdata.dataset.exchange.zip_plan import ChangedMeanwhile, SentFile, ZipPlan
from tests.dataset.conftest import LENGTHS, Bench, barcodes, expected


def whole(plan: ZipPlan) -> bytes:
    return b"".join(plan.pieces(0, plan.size))


def unpacked(plan: ZipPlan, folder: Path) -> Path:
    folder.mkdir()
    (folder / "sent.zip").write_bytes(whole(plan))
    unpack(folder / "sent.zip", folder / "tree", Watcher())
    return folder / "tree/cubes"


def work(bench: Bench) -> Path:
    return bench.places["work"]


def test_a_zip_file_has_every_file_as_it_is_and_the_size_that_was_stated(six: Bench, tmp_path: Path) -> None:
    archive = archive_of(six.root, work(six), "cubes")
    data = whole(archive.plan)
    assert len(data) == archive.plan.size
    root = unpacked(archive.plan, tmp_path / "out")
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert files == six.fingerprint()
    assert verify_dataset(root).problems == []
    with zipfile.ZipFile(tmp_path / "out/sent.zip") as archived:
        assert {info.compress_type for info in archived.infolist()} == {zipfile.ZIP_STORED}
        assert archived.testzip() is None


def test_every_range_is_a_part_of_the_same_bytes(tmp_path: Path) -> None:
    for name, size in (("a", 0), ("b", 700), ("c/d", 33)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(os.urandom(size))
    plan = ZipPlan([SentFile.of(tmp_path / name, name) for name in ("c/d", "a", "b")])
    data = whole(plan)
    for first in range(0, plan.size, 7):
        for end in (first + 1, first + 40, plan.size):
            end = min(end, plan.size)
            assert b"".join(plan.pieces(first, end)) == data[first:end]


def test_the_end_is_made_file_by_file_so_that_it_can_be_given_up(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(name.encode() * 100)
    plan = ZipPlan([SentFile.of(tmp_path / name, name) for name in ("a", "b", "c")])
    end = plan.pieces(plan.size - 22, plan.size)
    assert next(end) == b""
    (tmp_path / "c").unlink()  # not read yet
    assert next(end) == b""
    with pytest.raises(ChangedMeanwhile):
        next(end)


def test_a_real_file_beyond_4_gib_is_in_its_zip_file(tmp_path: Path) -> None:
    size = (4 << 30) + 5
    with (tmp_path / "big").open("wb") as file:
        file.truncate(size)  # a hole takes no space
    (tmp_path / "small").write_bytes(b"after it")
    plan = ZipPlan([SentFile.of(tmp_path / name, name) for name in ("big", "small")])
    with zip_plan._crcs_lock:
        zip_plan._crcs[plan.files[0].identity] = 0  # reading 4 GiB for the CRC takes too long here
    tail = b"".join(plan.pieces(plan.size - 600, plan.size))
    with (tmp_path / "sent.zip").open("wb") as file:
        file.write(b"".join(plan.pieces(0, 60)))
        file.seek(plan.size - 600)
        file.write(tail)
    with zipfile.ZipFile(tmp_path / "sent.zip") as archive:
        assert [(info.filename, info.file_size) for info in archive.infolist()] == [("big", size), ("small", 8)]
        assert archive.read("small") == b"after it"
        with archive.open("big") as big:
            assert big.read(4) == bytes(4)


def test_a_download_that_began_before_a_change_ends_as_it_began(six: Bench) -> None:
    before = archive_of(six.root, work(six), "cubes")
    data = whole(before.plan)
    half = before.plan.size // 2
    delete_episodes(six.root, [1], **six.places)
    again = archive_of(six.root, work(six), "cubes", version=before.version)
    assert data[:half] + b"".join(again.plan.pieces(half, again.plan.size)) == data
    assert again.plan.etag == before.plan.etag
    now = archive_of(six.root, work(six), "cubes")
    assert now.version != before.version
    with pytest.raises(OtherVersion):
        archive_of(six.root, work(six), "cubes", version="0" * 24)


def test_a_file_that_is_changed_in_place_ends_the_download(six: Bench) -> None:
    archive = archive_of(six.root, work(six), "cubes")
    video = next(six.root.rglob("*.mp4"))
    with video.open("r+b") as file:
        file.write(b"changed")
    os.utime(video, ns=(0, 1))
    with pytest.raises(ChangedMeanwhile):
        whole(archive.plan)


def test_a_snapshot_takes_no_space_and_goes_after_a_day(six: Bench) -> None:
    archive_of(six.root, work(six), "cubes")
    (kept,) = work(six).glob("sent-*")
    shared = {path.stat().st_ino for path in six.root.rglob("*") if path.is_file()}
    assert {path.stat().st_ino for path in kept.rglob("*") if path.is_file()} == shared
    assert tidy_sent(work(six)) == 0
    os.utime(kept, (0, 0))
    archive_of(six.root, work(six), "cubes")  # in use
    assert tidy_sent(work(six)) == 0
    os.utime(kept, (0, 0))
    assert tidy_sent(work(six)) == 1
    assert not kept.exists()


def test_chosen_episodes_are_a_dataset_of_their_own(six: Bench, tmp_path: Path) -> None:
    before = six.fingerprint()
    archive = archive_of(six.root, work(six), "cubes", episodes=[4, 1])
    root = unpacked(archive.plan, tmp_path / "out")
    dataset = DatasetFolder.open(root)
    assert [episode.length for episode in dataset.episodes] == [LENGTHS[1], LENGTHS[4]]
    key = dataset.camera_keys[0]
    shown = [code for episode in dataset.episodes for code in barcodes(dataset, episode.index, key)]
    wanted = [code for n in (1, 4) for code in expected(n, LENGTHS[n]) if code[1] == 0]
    assert shown == wanted
    assert verify_dataset(root, deep=True).problems == []
    assert six.fingerprint() == before
    again = archive_of(six.root, work(six), "cubes", episodes=[1, 4], version=archive.version)
    assert whole(again.plan) == whole(archive.plan)


def test_only_the_last_few_choices_are_kept(six: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_MAX_PARTS", 2)
    whole_one = archive_of(six.root, work(six), "cubes")
    made = []
    for n, episodes in enumerate(([0], [1], [0], [2])):
        made.append(archive_of(six.root, work(six), "cubes", episodes=episodes))
        (kept,) = work(six).glob(f"sent-*+{made[-1].version}")
        os.utime(kept, (n, n))
    versions = {made[2].version, made[3].version}
    assert {path.name.rpartition("+")[2] for path in work(six).glob("sent-*+*")} == versions
    assert archive_of(six.root, work(six), "cubes", version=whole_one.version).plan.etag == whole_one.plan.etag
    with pytest.raises(OtherVersion):
        archive_of(six.root, work(six), "cubes", episodes=[0, 1], version=made[1].version)
    with pytest.raises(NoSuchEpisode):
        archive_of(six.root, work(six), "cubes", episodes=[99])
    assert len(list(work(six).glob("sent-*+*"))) == 2


def test_a_choice_that_the_disk_has_no_room_for_is_refused(six: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "RESERVE_BYTES", 1 << 62)
    archive_of(six.root, work(six), "cubes")  # the whole takes no space
    with pytest.raises(TransferError, match="are free"):
        archive_of(six.root, work(six), "cubes", episodes=[1])
    assert not list(work(six).glob("sent-*+*"))


def test_tidying_leaves_the_unfinished_edit_of_a_dataset_with_such_a_name(six: Bench) -> None:
    unfinished = work(six) / "sent-cubes@0123456789ab"
    unfinished.mkdir(parents=True)
    os.utime(unfinished, (0, 0))
    assert tidy_sent(work(six)) == 0
    assert unfinished.exists()


def test_an_episode_that_is_not_there_is_named(six: Bench) -> None:
    with pytest.raises(NoSuchEpisode):
        archive_of(six.root, work(six), "cubes", episodes=[99])
    assert not list(work(six).glob("sent-*"))


def test_a_link_that_leads_out_is_not_sent(six: Bench, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (six.root / "notes").symlink_to(tmp_path / "secret")
    with pytest.raises(TransferError, match="notes"):
        plan_of(six.root, "cubes")
