"""Fetch a dataset from the Hub: all of it or some episodes, with or without videos; resumed after an interruption.

Everything comes from the one commit that the revision was at first. A file is complete once its hash is the one that
the Hub states; until then it ends in `.part`, and continues from its last byte.
"""

from __future__ import annotations

from pathlib import Path

from robotdata.dataset.exchange.contents import RemoteFile, git_sha1_of
from robotdata.dataset.exchange.fetch import PART, Source, fetch_dataset
from robotdata.dataset.exchange.part_file import open_part
from robotdata.dataset.exchange.watcher import PIECE_BYTES, Watcher
from robotdata.dataset.hashes import digest
from robotdata.dataset.hub.client import DATASET, Hub, library
from robotdata.dataset.hub.errors import HubPassing, HubRefused
from robotdata.dataset.hub.names import MAIN, Repository
from robotdata.dataset.hub.push import tree_of

_COMMIT = "commit"


def pull(hub: Hub, repository: Repository, source: Source, folder: Path, watcher: Watcher) -> Path:
    """Fetch into `folder`, where an earlier run may have left parts; return the folder of the dataset in it.

    Raises HubError, TransferError if the disk has no room, Cancelled, DatasetError for episodes that cannot be cut out,
    and OSError.
    """
    name = repository.id
    commit = _commit_of(hub, name, repository.revision or MAIN, folder)
    listed = hub.ask(name, lambda: tree_of(hub, name, commit))

    def download(path: str, file: RemoteFile, part: Path, watcher: Watcher) -> None:
        hub.ask(name, lambda: _stream(hub, name, commit, path, file, part, watcher))

    return fetch_dataset(source, listed, folder, watcher, download, _is_right)


def _commit_of(hub: Hub, name: str, revision: str, folder: Path) -> str:
    """Return the commit that is fetched: that of an earlier run, if it is still the same request."""
    note = folder / _COMMIT
    if note.is_file():
        return note.read_text("ascii")
    commit = str(hub.ask(name, lambda: hub.api.dataset_info(name, revision=revision)).sha)
    folder.mkdir(parents=True, exist_ok=True)
    part = note.with_suffix(PART)
    part.write_text(commit, "ascii")
    part.replace(note)
    return commit


def _is_right(file: RemoteFile, part: Path) -> bool:
    actual = digest(part) if file.sha256 else git_sha1_of(part)
    return actual == (file.sha256 or file.sha1)


def _stream(hub: Hub, name: str, commit: str, path: str, file: RemoteFile, part: Path, watcher: Watcher) -> None:
    """Append to `part` what is missing of it."""
    lib, access = library(), hub.access
    url = lib.hf_hub_url(name, path, repo_type=DATASET, revision=commit, endpoint=access.endpoint)
    headers = lib.utils.build_hf_headers(token=access.token or False) | {"Accept-Encoding": "identity"}
    with open_part(part, file.size, watcher) as opened:
        if opened.is_complete:
            return
        with lib.get_session().stream("GET", url, headers=headers | opened.range) as response:
            if response.status_code >= 400:
                response.read()
            lib.utils.hf_raise_for_status(response)
            if opened.at and response.status_code != 206:
                opened.restart()
            if not opened.extend(response.iter_raw(PIECE_BYTES)):
                raise HubRefused(f"{path} of {name} is longer than the Hub states: nothing of it is kept")
    if not opened.is_complete:
        raise HubPassing(f"{path} of {name} has {opened.at:,} of {file.size:,} bytes: try again")
