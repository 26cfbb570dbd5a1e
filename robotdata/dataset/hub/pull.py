"""Fetch a dataset from the Hub: all of it or some episodes, with or without videos; resumed after an interruption.

Everything comes from the one commit that the revision was at first. A file is complete once its hash is the one that
the Hub states; until then it ends in `.part`, and continues from its last byte.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from robotdata.dataset.errors import DatasetError
from robotdata.dataset.exchange.copy import MAX_FILES
from robotdata.dataset.exchange.unpack import check_space
from robotdata.dataset.exchange.watcher import PIECE_BYTES, Watcher
from robotdata.dataset.hashes import digest
from robotdata.dataset.hub.client import DATASET, Hub, library
from robotdata.dataset.hub.contents import RemoteFile, git_sha1_of
from robotdata.dataset.hub.errors import HubPassing, HubRefused
from robotdata.dataset.hub.names import MAIN, Repository
from robotdata.dataset.hub.push import tree_of
from robotdata.dataset.layout import INFO
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.edit import select_episodes
from robotdata.files.trees import remove_tree

_FILES, _CHOSEN, _COMMIT = "files", "chosen", "commit"
_META, _VIDEOS, _PART = "meta/", "videos/", ".part"
_PATH_BYTES, _NAME_BYTES = 2000, 240


@dataclass(frozen=True, slots=True)
class PullRequest:
    """What is fetched. `episodes`: their numbers; None for all."""

    repository: Repository
    episodes: tuple[int, ...] | None = None
    videos: bool = True


def pull(hub: Hub, request: PullRequest, folder: Path, watcher: Watcher) -> Path:
    """Fetch into `folder`, where an earlier run may have left parts; return the folder of the dataset in it.

    Raises HubError, TransferError if the disk has no room, Cancelled, DatasetError for episodes that cannot be cut out,
    and OSError.
    """
    name, revision = request.repository.id, request.repository.revision or MAIN
    root = folder / _FILES
    commit = _commit_of(hub, name, revision, folder)
    listed = hub.ask(name, lambda: tree_of(hub, name, commit))
    wanted = {path: file for path, file in listed.items() if _is_wanted(path, request)}
    if INFO not in wanted:
        raise HubRefused(f"{name} has no {INFO}, so it is not a LeRobot dataset: choose another repository")
    if len(wanted) > MAX_FILES:
        raise HubRefused(f"{name} has {len(wanted):,} files; at most {MAX_FILES:,} are fetched")
    meta = {path: file for path, file in wanted.items() if path.startswith(_META)}
    if request.episodes is None:
        _fetch_all(hub, name, commit, wanted, root, watcher)
        return root
    _fetch_all(hub, name, commit, meta, root, watcher)
    dataset = _opened(root, request)
    needed = _files_of(dataset, request)
    if missing := sorted(path for path in needed if path not in wanted):
        raise HubRefused(f"{name} lacks {len(missing)} files of these episodes, first {missing[0]}: choose others")
    _fetch_all(hub, name, commit, meta | {path: wanted[path] for path in needed}, root, watcher)
    remove_tree(folder / _CHOSEN)
    select_episodes(root, request.episodes, folder / _CHOSEN)
    return folder / _CHOSEN


def _commit_of(hub: Hub, name: str, revision: str, folder: Path) -> str:
    """Return the commit that is fetched: that of an earlier run, if it is still the same request."""
    note = folder / _COMMIT
    if note.is_file():
        return note.read_text("ascii")
    commit = str(hub.ask(name, lambda: hub.api.dataset_info(name, revision=revision)).sha)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _FILES).mkdir(exist_ok=True)
    part = note.with_suffix(_PART)
    part.write_text(commit, "ascii")
    part.replace(note)
    return commit


def _is_wanted(path: str, request: PullRequest) -> bool:
    parts = path.split("/")
    if any(part.startswith(".") or not part or len(part.encode()) > _NAME_BYTES for part in parts):
        return False
    if len(path.encode()) > _PATH_BYTES or not path.isprintable() or "\\" in path:
        return False
    return request.videos or not path.startswith(_VIDEOS)


def _opened(root: Path, request: PullRequest) -> DatasetFolder:
    """Return the dataset, whose rows and videos are not there yet."""
    try:
        dataset = DatasetFolder.open(root)
    except DatasetError as error:
        raise HubRefused(f"Episodes can be chosen of a dataset v3.0 only ({error}): fetch all of them") from error
    count = len(dataset.episodes)
    if wrong := [number for number in request.episodes or () if number >= count]:
        raise HubRefused(f"{request.repository.id} has {count} episodes, counted from 0: it has no {wrong[0]}")
    if dataset.video_keys and not request.videos:
        raise HubRefused(f"Episodes of {request.repository.id} come together with their videos, or all without any")
    return dataset


def _files_of(dataset: DatasetFolder, request: PullRequest) -> set[str]:
    """Return the relative paths of the data and video files of the chosen episodes."""
    root, needed = dataset.root.resolve(), set()
    for number in request.episodes or ():
        episode = dataset.episode(number)
        if episode.data_file is not None:
            needed.add(episode.data_file)
        if dataset.video_keys:
            needed |= {span.path for span in episode.videos.values()}
    return {path.relative_to(root).as_posix() for path in needed}


def _fetch_all(hub: Hub, name: str, commit: str, files: dict[str, RemoteFile], root: Path, watcher: Watcher) -> None:
    """Fetch these files; those that are there already count as done."""
    missing, present = {}, 0
    for path, file in files.items():
        target = root / path
        if target.is_file() and target.stat().st_size == file.size:
            present += file.size
        else:
            missing[path] = file
    check_space(root, sum(file.size - _size(root / f"{path}{_PART}") for path, file in missing.items()))
    watcher.begin(sum(file.size for file in files.values()))
    watcher.add(present)
    for path, file in sorted(missing.items()):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        _fetch(hub, name, commit, path, file, root / path, watcher)


def _fetch(hub: Hub, name: str, commit: str, path: str, file: RemoteFile, target: Path, watcher: Watcher) -> None:
    """Fetch one file. A connection that is cut does no harm as long as each brings some bytes."""
    part = target.with_name(target.name + _PART)
    watcher.add(_size(part))
    while True:
        before = _size(part)
        try:
            hub.ask(name, lambda: _stream(hub, name, commit, path, file, part, watcher))
            break
        except HubPassing:
            if _size(part) <= before:
                raise
    actual = digest(part) if file.sha256 else git_sha1_of(part)
    if actual != (file.sha256 or file.sha1):
        part.unlink()
        raise HubPassing(f"{path} of {name} came damaged: try again")
    part.replace(target)


def _stream(hub: Hub, name: str, commit: str, path: str, file: RemoteFile, part: Path, watcher: Watcher) -> None:
    """Append to `part` what is missing of it."""
    lib, access = library(), hub.access
    url = lib.hf_hub_url(name, path, repo_type=DATASET, revision=commit, endpoint=access.endpoint)
    headers = lib.utils.build_hf_headers(token=access.token or False) | {"Accept-Encoding": "identity"}
    with part.open("ab") as target:
        at = target.seek(0, os.SEEK_END)
        if at == file.size:
            return
        if at > file.size:
            target.truncate(0)
            watcher.add(-at)
            at = 0
        if at:
            headers["Range"] = f"bytes={at}-"
        with lib.get_session().stream("GET", url, headers=headers) as response:
            if response.status_code >= 400:
                response.read()
            lib.utils.hf_raise_for_status(response)
            if at and response.status_code != 206:
                target.truncate(0)
                watcher.add(-at)
                at = 0
            for piece in response.iter_raw(PIECE_BYTES):
                at += len(piece)
                if at > file.size:
                    raise HubRefused(f"{path} of {name} is longer than the Hub states: nothing of it is kept")
                target.write(piece)
                watcher.add(len(piece))
        target.flush()
        os.fsync(target.fileno())
    if at < file.size:
        raise HubPassing(f"{path} of {name} has {at:,} of {file.size:,} bytes: try again")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def numbers_of(text: str) -> tuple[int, ...] | None:
    """Return the numbers in `0,3,5-9`; None for an empty text. Raises HubRefused."""
    if not text.strip():
        return None
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        ends = _ends((first.strip(), last.strip() if dash else first.strip()), text)
        numbers.update(range(ends[0], ends[1] + 1))
    return tuple(sorted(numbers))


def _ends(texts: Iterable[str], text: str) -> list[int]:
    ends = [int(each) for each in texts if each.isascii() and each.isdigit() and len(each) < 7]
    if len(ends) != 2 or ends[0] > ends[1]:
        raise HubRefused(f"episodes {text[:60]!r}: write numbers as 0,3,5-9")
    return ends
