from __future__ import annotations

from pathlib import Path

import pytest

from robotdata.dataset.errors import UnsafePath
from robotdata.dataset.layout import VIDEO_PATH, Layout, PathTemplate, contained, next_file


def test_it_fills_lerobots_templates() -> None:
    template = PathTemplate.parse(VIDEO_PATH, video=True)
    assert template.fill(chunk=2, file=1234, key="a.b") == "videos/a.b/chunk-002/file-1234.mp4"


@pytest.mark.parametrize(
    "text",
    [
        "data/{chunk_index}/{file_index.__class__}",
        "data/{chunk_index:03d}",
        "data/{chunk_index:099d}/{file_index}",
        "data/{chunk_index!r}/{file_index}",
        "data/{chunk_index}/{file_index}/{video_key}",
        "../{chunk_index}/{file_index}",
        "/etc/{chunk_index}/{file_index}",
        "data\\{chunk_index}/{file_index}",
        "{chunk_index}{file_index}{",
        None,
        17,
    ],
)
def test_it_refuses_templates_that_are_none(text: object) -> None:
    with pytest.raises(UnsafePath):
        PathTemplate.parse(text, video=False)


@pytest.mark.parametrize("key", ["..", "a/b", "a\\b", "."])
def test_it_refuses_camera_keys_that_lead_elsewhere(key: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafePath):
        Layout.of(tmp_path, {}).video_file(key, 0, 0)


def test_it_refuses_symlinks_out_of_the_dataset(tmp_path: Path) -> None:
    root = tmp_path / "dataset"
    root.mkdir()
    (tmp_path / "secret").write_text("x")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "inside").write_text("y")
    (root / "good").symlink_to("inside")
    assert contained(root, "good").read_text() == "y"
    with pytest.raises(UnsafePath, match="points outside"):
        contained(root, "link")


def test_it_numbers_files_chunk_by_chunk() -> None:
    assert next_file(0, 998) == (0, 999)
    assert next_file(0, 999) == (1, 0)
    assert next_file(4, 1, 2) == (5, 0)
