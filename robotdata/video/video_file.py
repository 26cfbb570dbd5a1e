"""Whether a path can be a video at all, before FFmpeg is asked."""

from __future__ import annotations

from pathlib import Path

from robotdata.video.errors import MissingVideoError, NotAVideoError


def require_video_file(path: Path) -> None:
    """Raise NotAVideoError, saying what the file is instead, if `path` cannot be a video."""
    if path.is_dir():
        raise NotAVideoError(f"{path} is a folder, not a video")
    if not path.is_file():
        if path.exists():
            raise NotAVideoError(f"{path} is a device, pipe or socket, not a video file")
        raise MissingVideoError(f"{path}: there is no such file")
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise NotAVideoError(f"{path} is empty; download or record it again")
    if head.startswith(b"version https://git-lfs"):
        raise NotAVideoError(f"{path} is a Git LFS pointer, not the video; run `git lfs pull`")
