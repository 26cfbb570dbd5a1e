"""Send a state of a dataset to a repository of the Hub: only what is not there, in one commit, then compare.

Large files go first; the Hub keeps them by their SHA-256 before any commit names them, so a run that was killed does
not send them again. The one commit names its parent: if somebody else was faster, or if the answer was lost, the
repository is compared again, and only what is missing then is committed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from robotdata.dataset.exchange.contents import (
    CARD,
    Comparison,
    Contents,
    OwnFile,
    RemoteFile,
    compare,
    git_sha1,
    refuse_other_content,
    size_of,
)
from robotdata.dataset.exchange.progress import Pushed, Step, Tally, Watch, watched
from robotdata.dataset.hub.client import DATASET, Hub, library
from robotdata.dataset.hub.errors import HubMoved, HubPassing, HubRefused
from robotdata.dataset.hub.upload import counted_addition
from robotdata.numbers import count as count_of

TAG = "v3.0"
_GROUP_BYTES, _GROUP_FILES = 64 << 20, 50
_THREADS = 4
_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class PushRequest:
    """What is asked for. `card`: the text of README.md; None leaves the one that is there, or sends `first_card`.

    `mark` names this push in its commit, so that a later run finds the pull request of one that was killed.
    """

    repository: str
    title: str
    mark: str
    private: bool = True
    pull_request: bool = False
    card: str | None = None
    first_card: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """The repository as it is: its head, and its files. `head` is None if it does not exist."""

    head: str | None
    private: bool
    files: dict[str, RemoteFile]


def look(hub: Hub, repository: str) -> Place:
    """Return the repository at its head. Raises HubError."""
    info = hub.exists(repository)
    if info is None:
        return Place(None, True, {})
    at = str(info.sha)
    return Place(at, bool(info.private), hub.ask(repository, lambda: tree_of(hub, repository, at)))


def push(hub: Hub, contents: Contents, request: PushRequest, watch: Watch) -> Pushed:
    """Send what is missing, commit it, compare. Raises HubError, what `watch` raises, ChangedMeanwhile and OSError."""
    if not hub.access.token:
        raise HubRefused(f"Nobody is signed in at {hub.access.host}: enter a token, or run `hf auth login` here")
    sent: dict[str, int] = {}
    removed: set[str] = set()
    for attempt in range(_ROUNDS):
        place = _place(hub, request, contents, watch)
        changes = compare(contents, place.files)
        card = _card(request, place)
        try:
            additions = _upload(hub, changes.to_send, request, watch, sent)
            commit, url = _commit(hub, place, changes, [*additions, *card], request, contents, watch)
            removed.update(changes.gone)
            return _compared(hub, contents, request, commit, url, sent, len(removed))
        except HubMoved:  # also after an answer was lost: the commit may have been made by then
            if attempt + 1 == _ROUNDS:
                raise
            hub.stopped.wait(min(0.2 * 2**attempt, 5.0))
    raise AssertionError("unreachable")


def message_of(request: PushRequest, contents: Contents) -> tuple[str, str]:
    """Return the summary and the description of the commit."""
    title = " ".join(request.title.split())[:100]
    count = f"{count_of(len(contents.files), 'file')}, {contents.size:,} bytes"
    return f"{title}: robotdata revision {contents.revision}", f"{count}. robotdata push {request.mark}"


def _place(hub: Hub, request: PushRequest, contents: Contents, watch: Watch) -> Place:
    """Return the repository; make it, if it is not there and nobody has cancelled the push."""
    place = look(hub, request.repository)
    if place.head is None:
        if request.pull_request:
            raise HubRefused(
                f"{hub.access.host} shows no dataset {request.repository} to this account, so there is nothing to "
                "make a pull request to: push without one"
            )
        watch.report(Step(0, len(contents.files), 0, contents.size))
        make = hub.api.create_repo
        hub.ask(
            request.repository,
            lambda: make(request.repository, repo_type=DATASET, private=request.private, exist_ok=True),
        )
        place = look(hub, request.repository)
        if place.head is None:
            raise HubPassing(f"{request.repository} was made, but is not shown yet: try again")
    refuse_other_content(request.repository, place.files)
    if request.private and not place.private:
        raise HubRefused(
            f"{request.repository} is public, so everybody would see the dataset: push it as public, or choose another "
            "name"
        )
    return place


def tree_of(hub: Hub, repository: str, revision: str) -> dict[str, RemoteFile]:
    """Return the files of the revision. Raises what the client raises: call it through `Hub.ask`."""
    files = {}
    for entry in hub.api.list_repo_tree(repository, recursive=True, revision=revision, repo_type=DATASET):
        if hasattr(entry, "blob_id"):
            large = entry.lfs
            sha256 = large.sha256 if large else ""
            files[entry.path] = RemoteFile(large.size if large else entry.size, entry.blob_id, sha256)
    return files


def _card(request: PushRequest, place: Place) -> list[Any]:
    there = place.files.get(CARD)
    text = request.card if request.card is not None else request.first_card if there is None else ""
    if not text:
        return []
    data = text.encode()
    same = there is not None and there.sha1 == git_sha1(data)
    return [] if same else [library().CommitOperationAdd(CARD, data)]


def _upload(hub: Hub, files: Sequence[OwnFile], request: PushRequest, watch: Watch, sent: dict[str, int]) -> list[Any]:
    """Send the content of large files; return the additions of the commit, which hold the small ones.

    What goes over the network is added to `sent`, with its size.
    """
    tally = Tally(files, hub.stopped, sent)
    additions = []
    for group in _groups(files):
        added = [counted_addition(file, tally) for file in group]

        def send(added: list[Any] = added) -> None:
            for each in added:
                each.check()
            hub.api.preupload_lfs_files(
                request.repository,
                added,
                repo_type=DATASET,
                create_pr=request.pull_request,
                num_threads=_THREADS,
                free_memory=False,
            )

        watched(lambda: hub.ask(request.repository, send), tally, watch)
        tally.finish(group)
        additions += added
    watch.report(tally.step())
    return additions


def _groups(files: Sequence[OwnFile]) -> Iterator[list[OwnFile]]:
    group: list[OwnFile] = []
    for file in files:
        if group and (len(group) == _GROUP_FILES or size_of(group) + file.size > _GROUP_BYTES):
            yield group
            group = []
        group.append(file)
    if group:
        yield group


def _commit(
    hub: Hub,
    place: Place,
    changes: Comparison,
    additions: list[Any],
    request: PushRequest,
    contents: Contents,
    watch: Watch,
) -> tuple[str, str]:
    """Make the one commit, unless there is nothing to do. Return its hash, and the pull request's address."""
    removals = [library().CommitOperationDelete(name, is_folder=False) for name in changes.gone]
    if not additions and not removals:
        return str(place.head), ""
    summary, description = message_of(request, contents)

    def make() -> tuple[str, str]:
        if request.pull_request and (made := _earlier_pull_request(hub, request)):
            return made
        info = hub.api.create_commit(
            request.repository,
            [*additions, *removals],
            commit_message=summary,
            commit_description=description,
            repo_type=DATASET,
            parent_commit=place.head,  # so that a second try, after a lost answer, is refused
            create_pr=request.pull_request,
        )
        return str(info.oid), _address(info.pr_url)

    watch.commit()
    return hub.ask(request.repository, make)


def _earlier_pull_request(hub: Hub, request: PushRequest) -> tuple[str, str] | None:
    """Return head and address of the pull request that an earlier run of this push made; None if there is none."""
    api, repository = hub.api, request.repository
    for each in api.get_repo_discussions(repository, repo_type=DATASET, discussion_type="pull_request"):
        if each.status not in {"open", "draft"}:
            continue
        details = api.get_discussion_details(repository, each.num, repo_type=DATASET)
        if any(request.mark in str(getattr(event, "content", "")) for event in details.events):
            commit = api.dataset_info(repository, revision=f"refs/pr/{each.num}").sha
            return str(commit), _address(each.url)
    return None


def _address(url: object) -> str:
    """Return the address that the Hub answered, for a link; empty if it is none of a page."""
    text = str(url or "")
    return text if text.startswith(("https://", "http://")) else ""


def _compared(
    hub: Hub,
    contents: Contents,
    request: PushRequest,
    commit: str,
    pull_request: str,
    sent: dict[str, int],
    removed: int,
) -> Pushed:
    """Compare the remote files with the local ones, and tag it. Raises HubRefused if a file differs."""
    after = compare(contents, hub.ask(request.repository, lambda: tree_of(hub, request.repository, commit)))
    if wrong := [*after.new, *after.changed]:
        raise HubRefused(
            f"{len(wrong)} of {len(contents.files)} files differ on {hub.access.host} after the push, first "
            f"{wrong[0].name}: push again"
        )
    tagged = not request.pull_request and _tag(hub, request.repository, commit)
    return Pushed(
        url=f"{hub.access.endpoint}/datasets/{request.repository}",
        commit=commit,
        pull_request=pull_request,
        revision=contents.revision,
        sent_files=len(sent),
        sent_bytes=sum(sent.values()),
        same_files=len(contents.files) - len(sent),
        removed_files=removed,
        compared=len(after.same),
        compared_bytes=size_of(after.same),
        tagged=tagged,
    )


def _tag(hub: Hub, repository: str, commit: str) -> bool:
    """Move the tag of the format's version to the commit: LeRobot reads that one. Idempotent."""

    def move() -> bool:
        refs = hub.api.list_repo_refs(repository, repo_type=DATASET)
        old = next((tag for tag in refs.tags if tag.name == TAG), None)
        if old is not None and old.target_commit == commit:
            return True
        if old is not None:
            hub.api.delete_tag(repository, tag=TAG, repo_type=DATASET)
        hub.api.create_tag(repository, tag=TAG, revision=commit, repo_type=DATASET, exist_ok=True)
        return True

    return hub.ask(repository, move)
