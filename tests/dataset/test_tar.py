"""A dataset goes out as a tar file whose size is known, whose bytes are the same each time, and from any of them on."""

from __future__ import annotations

import io
import itertools
import tarfile
from pathlib import Path

import pytest

from robotdata.dataset.exchange.tar_plan import TarPlan
from robotdata.dataset.exchange.zip_plan import ChangedMeanwhile, SentFile

LONG = "cubes/videos/" + "observation.images.a_camera_with_a_very_long_name/" * 4 + "file-ü.mp4"
CONTENTS = {"cubes/meta/info.json": b"{}", "cubes/data/even": b"x" * 1024, "cubes/empty": b"", LONG: b"frames" * 9999}


def plan_in(folder: Path) -> TarPlan:
    files = []
    for number, (name, data) in enumerate(CONTENTS.items()):
        path = folder / str(number)
        path.write_bytes(data)
        files.append(SentFile.of(path, name))
    return TarPlan(files)


def whole(plan: TarPlan) -> bytes:
    return b"".join(plan.pieces(0, plan.size))


def test_a_tar_file_has_every_file_as_it_is_and_the_size_that_was_stated(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
    data = whole(plan)
    assert len(data) == plan.size
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {entry.name: archive.extractfile(entry) for entry in archive.getmembers()}
        assert {name: file.read() for name, file in found.items() if file} == CONTENTS
        assert {(entry.mode, entry.uid, entry.mtime) for entry in archive.getmembers()} == {(0o644, 0, 0)}
    assert whole(TarPlan(plan.files[::-1])) == data


def test_any_range_of_it_is_the_same_bytes(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
    data = whole(plan)
    marks = [*range(0, 6000, 377), 511, 512, 513, len(data) - 1025, len(data) - 1, len(data)]
    for first, end in itertools.combinations(sorted(set(marks)), 2):
        assert b"".join(plan.pieces(first, end)) == data[first:end]


def test_a_file_beyond_8_gib_is_in_its_tar_file(tmp_path: Path) -> None:
    size = (8 << 30) + 5
    with (tmp_path / "big").open("wb") as file:
        file.truncate(size)
    (tmp_path / "small").write_bytes(b"after it")
    plan = TarPlan([SentFile.of(tmp_path / name, name) for name in ("big", "small")])
    with tarfile.open(fileobj=io.BytesIO(b"".join(plan.pieces(0, 4096)))) as archive:
        entry = archive.next()
    assert entry is not None and (entry.name, entry.size) == ("big", size)
    tail = b"".join(plan.pieces(plan.size - 20480, plan.size))
    assert b"after it" in tail and plan.size > size


def test_a_file_that_has_changed_meanwhile_ends_the_download(tmp_path: Path) -> None:
    plan = plan_in(tmp_path)
    (tmp_path / "0").write_bytes(b"[]!")
    with pytest.raises(ChangedMeanwhile):
        whole(plan)
