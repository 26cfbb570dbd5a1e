"""Files are replaced in one step or not at all, are locked by one process, and outputs are whole or absent."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from robotdata.files.atomic_file import atomic_file
from robotdata.files.errors import FileLocked, NotDurable, OutputExists
from robotdata.files.lock import lock_file, open_lock, try_lock
from robotdata.files.replace import leftovers, replace_text, temporary_path
from robotdata.files.trees import link_tree, unlink_from_others


def test_other_names_of_a_replaced_file_keep_the_old_content(tmp_path: Path) -> None:
    path, other = tmp_path / "a.json", tmp_path / "b.json"
    path.write_text("old")
    other.hardlink_to(path)
    replace_text(path, "new \udcff")
    assert (path.read_bytes(), other.read_text()) == (rb"new \udcff", "old")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.json", "b.json"]


def test_a_link_that_was_planted_under_the_temporary_name_is_not_written_through(tmp_path: Path) -> None:
    path, victim = tmp_path / "a.json", tmp_path / "victim"
    victim.write_text("mine")
    temporary_path(path).symlink_to(victim)
    assert leftovers(path) == [temporary_path(path)]
    replace_text(path, "new")
    assert (path.read_text(), path.is_symlink(), victim.read_text()) == ("new", False, "mine")


def _failing_fsync(monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
    real, calls = os.fsync, [0]

    def fsync(fd: Any) -> None:
        calls[0] += 1
        if calls[0] == nth:
            raise OSError(errno.EIO, "Input/output error")
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_disk_error_before_the_rename_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    _failing_fsync(monkeypatch, 1)
    with pytest.raises(OSError, match="Input/output") as raised:
        replace_text(path, "new")
    assert not isinstance(raised.value, NotDurable)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_disk_error_after_the_rename_says_that_the_new_content_may_not_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    _failing_fsync(monkeypatch, 2)
    with pytest.raises(NotDurable) as raised:
        replace_text(path, "new")
    assert raised.value.errno == errno.EIO and raised.value.filename == str(path)
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["nothing", "a link", "an empty folder"])
def test_a_lock_has_one_holder_who_is_named(tmp_path: Path, place: str) -> None:
    path = tmp_path / ".lock"
    if place == "a link":
        path.symlink_to(tmp_path / "elsewhere")
    elif place == "an empty folder":
        path.mkdir()
    fd = lock_file(path)
    with pytest.raises(FileLocked) as raised:
        lock_file(path, wait_s=0.02)
    assert raised.value.holder == f"pid {os.getpid()}"
    os.close(fd)
    os.close(lock_file(path))
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("written", "holder"),
    [
        (b"[" * 4096, "another process"),
        (b"pid 4711", "pid 4711"),  # by a process that was started before the file had a version
        (b'{"version": 1, "pid": 4711, "since": "2026-11-29T12:00:00Z"}', "pid 4711 since 2026-11-29T12:00:00Z"),
        (b'{"version": 2, "pid": {"number": 4711}}', "another process"),
        (b'{"version": 1}', "another process"),
        (b"[4711]", "another process"),
        (b"\xff\x00", "another process"),
        (b"", "another process"),
    ],
)
def test_the_holder_of_a_lock_is_named_whatever_wrote_it(tmp_path: Path, written: bytes, holder: str) -> None:
    path = tmp_path / ".lock"
    fd = open_lock(path)
    assert try_lock(fd)
    os.pwrite(fd, written, 0)
    with pytest.raises(FileLocked) as raised:
        lock_file(path)
    assert raised.value.holder == holder
    os.close(fd)
    fd = lock_file(path)
    assert json.loads(path.read_bytes()) == {"version": 1, "pid": os.getpid()}
    os.close(fd)


def test_an_output_is_whole_or_absent(tmp_path: Path) -> None:
    path = tmp_path / "out" / "a.mp4"
    with pytest.raises(RuntimeError), atomic_file(path, overwrite=False) as part:
        part.write_text("half")
        raise RuntimeError
    assert list(path.parent.iterdir()) == []
    with pytest.raises(OutputExists), atomic_file(path, overwrite=False) as part:
        part.write_text("ours")
        path.write_text("theirs")
    assert path.read_text() == "theirs" and list(path.parent.iterdir()) == [path]
    with atomic_file(path, overwrite=True) as part:
        part.write_text("ours")
    assert path.read_text() == "ours" and list(path.parent.iterdir()) == [path]


def test_a_linked_copy_gets_bytes_of_its_own_when_asked(tmp_path: Path) -> None:
    (tmp_path / "a" / "meta").mkdir(parents=True)
    (tmp_path / "a" / "meta" / "info.json").write_text("old")
    (tmp_path / "a" / "data").write_text("rows")
    link_tree(tmp_path / "a", tmp_path / "b", leave_out={"data"})
    assert [path.name for path in (tmp_path / "b").rglob("*")] == ["meta", "info.json"]
    copy = tmp_path / "b" / "meta" / "info.json"
    assert copy.stat().st_nlink == 2
    unlink_from_others(tmp_path / "b")
    copy.write_text("new")
    assert (tmp_path / "a" / "meta" / "info.json").read_text() == "old"
