"""The paths of a dataset folder. Path templates of `info.json` are parsed, never passed to `str.format`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from robotdata.dataset.errors import UnsafePath

INFO = "meta/info.json"
INFO_V1 = "meta_data/info.json"
STATS = "meta/stats.json"
TASKS = "meta/tasks.parquet"
SIDECAR = "meta/robotdata.json"
EPISODES_GLOB = "meta/episodes/*/*.parquet"
DATA_GLOB = "data/*/*.parquet"
VIDEO_GLOB = "videos/**/*.mp4"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
CHUNKS_SIZE = 1000
MIB = 1 << 20

_FIELD = re.compile(r"\{(?:(video_key)|(chunk_index|file_index)(?::0?([1-9])?d)?)\}")


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path template of `info.json`. Its only fields are `video_key`, `chunk_index` and `file_index`."""

    text: str
    suffix: str

    @classmethod
    def parse(cls, text: object, *, video: bool) -> PathTemplate:
        """Parse `text`. Raises UnsafePath if it has other fields, lacks one, or leads out of the dataset."""
        required = {"chunk_index", "file_index"} | ({"video_key"} if video else set())
        if not isinstance(text, str) or len(text) > 1024:
            raise UnsafePath(f"path template {text!r:.200}: want a text with {', '.join(sorted(required))}")
        fields = {match[1] or match[2] for match in _FIELD.finditer(text)}
        rest = _FIELD.sub("", text)
        if "{episode_" in text:
            raise UnsafePath(
                f"path template {text!r} in meta/info.json names a file for each episode, as datasets before v3.0 do; "
                "convert it to v3.0 with `robotdata convert` first"
            )
        if fields != required or "{" in rest or "}" in rest:
            raise UnsafePath(f"path template {text!r}: want exactly the fields {', '.join(sorted(required))}")
        _check_relative(rest)
        return cls(text, PurePosixPath(text).suffix)

    def fill(self, *, chunk: int, file: int, key: str = "") -> str:
        """Return the relative path of one file. Raises UnsafePath for a camera key that is not a file name."""
        if "/" in key or "\\" in key or "\0" in key or key in {".", ".."}:
            raise UnsafePath(f"camera key {key!r} is not a file name")
        if chunk < 0 or file < 0:
            raise UnsafePath(f"chunk {chunk}, file {file}: want numbers from 0 up")
        numbers = {"chunk_index": chunk, "file_index": file}

        def value(match: re.Match[str]) -> str:
            return key if match[1] else str(numbers[match[2]]).zfill(int(match[3] or 0))

        return _FIELD.sub(value, self.text)

    def numbers_of(self, relative: str, key: str) -> tuple[int, int] | None:
        """Return (chunk, file) of a relative path if it is that of a file of camera `key`, else None."""
        pattern, at = "", 0
        for match in _FIELD.finditer(self.text):
            pattern += re.escape(self.text[at : match.start()])
            pattern += re.escape(key) if match[1] else rf"(?P<{match[2]}>\d{{{match[3] or 1},}})"
            at = match.end()
        found = re.fullmatch(pattern + re.escape(self.text[at:]), relative, re.ASCII)
        return (int(found["chunk_index"]), int(found["file_index"])) if found else None

    @property
    def glob(self) -> str:
        """A glob pattern that matches all files of the template."""
        return _FIELD.sub("*", self.text)


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of the dataset in `root`, which is resolved. One that leads out of it, also by symlinks, is refused."""

    root: Path
    data: PathTemplate
    video: PathTemplate

    @classmethod
    def of(cls, root: Path, info: Mapping[str, object]) -> Layout:
        """Return the layout that `info` states, or LeRobot's own if it states none. Raises UnsafePath."""
        return cls(
            root.resolve(),
            PathTemplate.parse(info.get("data_path") or DATA_PATH, video=False),
            PathTemplate.parse(info.get("video_path") or VIDEO_PATH, video=True),
        )

    def data_file(self, chunk: int, file: int) -> Path:
        """Return the path of a data file. Raises UnsafePath."""
        return _inside(self.root, self.data.fill(chunk=chunk, file=file))

    def video_file(self, key: str, chunk: int, file: int) -> Path:
        """Return the path of a video file. Raises UnsafePath."""
        return _inside(self.root, self.video.fill(chunk=chunk, file=file, key=key))

    def content_files(self) -> list[Path]:
        """Return all existing data and video files; symlinks are followed if they stay inside the dataset."""
        paths = [*self.root.glob(self.data.glob), *self.root.glob(self.video.glob)]
        real = {path.resolve() for path in paths if path.is_file()}
        return sorted(path for path in real if path.is_relative_to(self.root))


def episodes_file(chunk: int, file: int) -> str:
    """Return the relative path of a file of `meta/episodes`."""
    return f"meta/episodes/chunk-{chunk:03d}/file-{file:03d}.parquet"


def contained(root: Path, relative: str) -> Path:
    """Return `root / relative` with all symlinks resolved. Raises UnsafePath if it is outside `root`.

    In the Hub's cache, a file may be a link to a blob of the same repository: see `cached_blobs`.
    """
    return _inside(root.resolve(), relative)


def _inside(root: Path, relative: str) -> Path:
    """Do what `contained` does, for a `root` that is resolved already."""
    _check_relative(relative)
    path = (root / relative).resolve()
    if path.is_relative_to(root):
        return path
    blobs = cached_blobs(root)
    if blobs is not None and path.parent == blobs and path.is_file():
        return path
    problem = f"{relative!r} points outside {root}, to {path}"
    if path.parent.name == "blobs":
        raise UnsafePath(f"{problem}: it was copied from the Hub's cache as a link. Copy the files (cp -rL) instead")
    raise UnsafePath(f"{problem}; copy the file into the dataset (cp -L)")


def cached_blobs(root: Path) -> Path | None:
    """Return the folder of the files of `root` (resolved) if it is a snapshot in the Hub's cache, else None.

    The cache has `datasets--<user>--<name>/snapshots/<commit>/...`, links to `../../blobs/<hash>`.
    """
    repository = root.parent.parent
    blobs = repository / "blobs"
    cached = root.parent.name == "snapshots" and repository.name.startswith("datasets--")
    return blobs if cached and blobs.is_dir() and blobs.resolve() == blobs else None


def next_file(chunk: int, file: int, chunks_size: int = CHUNKS_SIZE) -> tuple[int, int]:
    """Return the numbers of the file after (chunk, file)."""
    return (chunk, file + 1) if file + 1 < chunks_size else (chunk + 1, 0)


def _check_relative(text: str) -> None:
    parts = PurePosixPath(text).parts
    if text.startswith("/") or ".." in parts or "\\" in text or "\0" in text:
        raise UnsafePath(f"path {text!r} is not inside the dataset")
