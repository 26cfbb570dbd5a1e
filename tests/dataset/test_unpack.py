"""A foreign zip file is unpacked whole and right, or not at all; a hostile one is refused before it is written."""

from __future__ import annotations

import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from robotdata.dataset.exchange.copy import copy_dataset
from robotdata.dataset.exchange.errors import BadZip, Cancelled, TransferError
from robotdata.dataset.exchange.unpack import check_space, unpack
from robotdata.dataset.exchange.watcher import Watcher
from robotdata.dataset.exchange.zip_directory import ZipLimits


def zipped(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def link_entry(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("cubes/data")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "/etc")


def duplicate(archive: zipfile.ZipFile) -> None:
    archive.writestr("cubes/meta/info.json", b"1")
    with pytest.warns(UserWarning):
        archive.writestr("cubes/meta/info.json", b"2")


def file_and_folder(archive: zipfile.ZipFile) -> None:
    archive.writestr("cubes", b"1")
    archive.writestr("cubes/info", b"2")


def named(name: str) -> Callable[[zipfile.ZipFile], None]:
    return lambda archive: archive.writestr(zipfile.ZipInfo(name), b"x")


def nameless(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = "\0"  # a reader ends a name there
    archive.writestr(info, b"x")


HOSTILE = {
    "slip": named("../outside"),
    "slip inside": named("cubes/../../outside"),
    "absolute": named("/tmp/outside"),
    "drive": named("C:/outside"),
    "backslash": named("..\\outside"),
    "control character": named("cubes/a\nb"),
    "long name": named("x" * 300),
    "no name": nameless,
    "link": link_entry,
    "two of a name": duplicate,
    "file and folder": file_and_folder,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_an_entry_that_leads_astray_refuses_the_whole_file(case: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cubes/good", b"good")
        HOSTILE[case](archive)
    (tmp_path / "room").mkdir()
    with pytest.raises(BadZip):
        unpack(path, tmp_path / "room/tree", Watcher())
    assert not any((tmp_path / "room").iterdir())
    assert not (tmp_path / "outside").exists()


def second_name(name: str, other: str) -> zipfile.ZipInfo:
    """An entry `name` with the extra field of Info-ZIP (0x7075), which says that it is really called `other`."""
    info = zipfile.ZipInfo(name)
    data = struct.pack("<BL", 1, zlib.crc32(name.encode())) + other.encode()
    info.extra = struct.pack("<HH", 0x7075, len(data)) + data
    return info


@pytest.mark.parametrize("other", ["../../outside", "{folder}/outside", "cubes/../../../outside", "a\\b"])
def test_a_second_name_of_an_entry_leads_nowhere_else(other: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cubes/good", b"good")
        archive.writestr(second_name("cubes/notes.txt", other.format(folder=tmp_path)), b"bad")
    (tmp_path / "room").mkdir()
    with suppress(BadZip):  # Python 3.11 does not read the second name
        unpack(path, tmp_path / "room/tree", Watcher())
    written = {each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("*") if each.is_file()}
    assert written in ({"bad.zip"}, {"bad.zip", "room/tree/cubes/good", "room/tree/cubes/notes.txt"})


def test_a_harmless_second_name_stays_inside(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(second_name("cubes/w_rfel", "cubes/würfel"), b"1")
    unpack(tmp_path / "x.zip", tmp_path / "tree", Watcher())
    (written,) = (each for each in (tmp_path / "tree").rglob("*") if each.is_file())
    assert written.parent == tmp_path / "tree/cubes"


def test_an_entry_with_a_password_is_named(tmp_path: Path) -> None:
    path = zipped(tmp_path / "locked.zip", {"a": b"secret"})
    data = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + at] |= 1
    path.write_bytes(data)
    with pytest.raises(BadZip, match="encrypted"):
        unpack(path, tmp_path / "tree", Watcher())


def test_a_bomb_is_refused_by_the_size_that_it_states(tmp_path: Path) -> None:
    path = zipped(tmp_path / "bomb.zip", {"zeros": bytes(4 << 20)})
    with pytest.raises(BadZip, match="unpacked it would have"):
        unpack(path, tmp_path / "tree", Watcher(), ZipLimits(small_bytes=1 << 20))
    assert not (tmp_path / "tree").exists()


def test_a_bomb_that_lies_about_its_size_does_not_grow_beyond_it(tmp_path: Path) -> None:
    path = zipped(tmp_path / "liar.zip", {"zeros": bytes(4 << 20)})
    data = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(signature) + at, 1000)
    path.write_bytes(data)
    with pytest.raises(BadZip):
        unpack(path, tmp_path / "tree", Watcher(), ZipLimits(small_bytes=1 << 20))
    assert sum(each.stat().st_size for each in (tmp_path / "tree").rglob("*")) <= 1000


def test_entries_that_share_bytes_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "shared.zip", {"a": b"x" * 2000, "b": b"y" * 2000}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    struct.pack_into("<I", data, second + 42, 0)  # the second entry begins where the first one does
    path.write_bytes(data)
    with pytest.raises(BadZip):
        unpack(path, tmp_path / "tree", Watcher())
    assert not (tmp_path / "tree").exists()


@pytest.mark.parametrize("part", [0.2, 0.6, 0.99])
def test_a_file_that_was_cut_off_is_refused(part: float, tmp_path: Path) -> None:
    whole = zipped(tmp_path / "whole.zip", {f"file-{n}": bytes(range(256)) * 40 for n in range(9)}, zipfile.ZIP_STORED)
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * part)])
    with pytest.raises(BadZip):
        unpack(cut, tmp_path / "tree", Watcher())


def test_a_flipped_bit_is_found_by_the_crc(tmp_path: Path) -> None:
    path = zipped(tmp_path / "flipped.zip", {"video.mp4": b"frames" * 999}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadZip, match="video.mp4"):
        unpack(path, tmp_path / "tree", Watcher())


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "many.zip", {str(n): b"" for n in range(12)})
    with pytest.raises(BadZip, match="12 entries"):
        unpack(path, tmp_path / "tree", Watcher(), ZipLimits(entries=10))
    with pytest.raises(BadZip, match="table of contents"):
        unpack(path, tmp_path / "tree", Watcher(), ZipLimits(directory_bytes=100))


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x05\x06"])
def test_what_is_no_zip_file_is_named(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(BadZip, match="not a zip file"):
        unpack(tmp_path / "x.zip", tmp_path / "tree", Watcher())


def test_an_empty_zip_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadZip, match="empty"):
        unpack(zipped(tmp_path / "x.zip", {}), tmp_path / "tree", Watcher())


def test_what_is_unpacked_is_counted_and_can_be_cancelled(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"a/one": b"1" * 3_000_000, "b": b"2" * 1000, "__MACOSX/b": b"3"})
    counts: list[tuple[int, int]] = []
    unpack(path, tmp_path / "tree", Watcher(lambda done, total: counts.append((done, total))))
    assert counts[-1] == (3_001_000, 3_001_000)
    assert {each.name for each in (tmp_path / "tree").rglob("*")} == {"a", "one", "b"}
    assert (tmp_path / "tree/a/one").read_bytes() == b"1" * 3_000_000
    with pytest.raises(Cancelled):
        unpack(path, tmp_path / "other", Watcher(is_cancelled=lambda: True))
    assert not (tmp_path / "other").exists()


def test_files_without_bytes_can_be_cancelled_too(tmp_path: Path) -> None:
    path, source, tree = tmp_path / "x.zip", tmp_path / "source", tmp_path / "tree"
    source.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(50):
            archive.writestr(f"{number}", b"")
            (source / f"{number}").touch()
    stopping = Watcher(is_cancelled=lambda: tree.is_dir() and len(list(tree.iterdir())) >= 3)
    with pytest.raises(Cancelled):
        unpack(path, tree, stopping)
    assert len(list(tree.iterdir())) == 3
    shutil.rmtree(tree)
    with pytest.raises(Cancelled):
        copy_dataset(source, tree, stopping)
    assert len(list(tree.iterdir())) == 3


def test_a_disk_without_room_is_named(tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="are free"):
        check_space(tmp_path, shutil.disk_usage(tmp_path).free)
