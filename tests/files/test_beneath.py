from __future__ import annotations

import os
from pathlib import Path

import pytest

from robotdata.files import UnsafeFile, beneath, open_beneath, open_real


@pytest.fixture(params=["one call", "step by step"])
def walk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways, whichever this system would take."""
    if request.param == "step by step":
        monkeypatch.setattr(beneath, "_openat2", lambda: None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root/a/b").mkdir(parents=True)
    (tmp_path / "root/a/b/file").write_bytes(b"inside")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs/1").write_bytes(b"blob")
    return tmp_path.resolve() / "root"


def content(fd: int) -> bytes:
    try:
        return os.pread(fd, 100, 0)
    finally:
        os.close(fd)


def test_it_opens_a_file_beneath_its_root(walk: None, root: Path) -> None:
    assert content(open_beneath(root, "a/b/file")) == b"inside"
    assert content(open_real(root / "a/b/file")) == b"inside"
    with pytest.raises(FileNotFoundError, match="missing"):
        open_beneath(root, "a/missing")


@pytest.mark.parametrize("target", ["../../../secret", "/etc/passwd", "file", "/proc/self/environ"])
def test_it_follows_no_link(walk: None, root: Path, target: str) -> None:
    (root / "a/b/link").symlink_to(target)
    for opening in (lambda: open_beneath(root, "a/b/link"), lambda: open_real(root / "a/b/link")):
        with pytest.raises(UnsafeFile):
            opening()


def test_it_follows_no_folder_that_became_a_link(walk: None, root: Path) -> None:
    (root / "a/b").rename(root.parent / "b")
    (root / "a/b").symlink_to(root.parent / "b")
    with pytest.raises(UnsafeFile):
        open_real(root / "a/b/file")


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/passwd", "", "."])
def test_it_stays_beneath(walk: None, root: Path, name: str) -> None:
    with pytest.raises(UnsafeFile):
        open_beneath(root, name)


def test_it_opens_regular_files_alone(walk: None, root: Path) -> None:
    os.mkfifo(root / "pipe")
    for name in ("pipe", "a"):
        with pytest.raises(UnsafeFile):
            open_beneath(root, name)
    with pytest.raises(UnsafeFile):
        open_real(Path("/dev/null"))


def test_it_follows_links_into_the_folder_that_it_is_given_besides(walk: None, root: Path) -> None:
    blobs = root.parent / "blobs"
    (root / "good").symlink_to("../blobs/1")
    (root / "bad").symlink_to("../secret")
    assert content(open_beneath(root, "good", also=blobs)) == b"blob"
    for also in (None, root.parent / "elsewhere"):
        with pytest.raises(UnsafeFile):
            open_beneath(root, "good", also=also)
    with pytest.raises(UnsafeFile):
        open_beneath(root, "bad", also=blobs)


def test_it_leaves_no_file_open(walk: None, root: Path) -> None:
    def probe() -> int:  # the lowest number that is free
        fd = open_beneath(root, "a/b/file")
        os.close(fd)
        return fd

    before = probe()
    for name in ("a", "a/missing", "../x"):
        with pytest.raises(OSError):
            open_beneath(root, name)
    assert probe() == before
