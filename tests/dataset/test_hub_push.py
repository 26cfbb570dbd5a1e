"""A dataset is sent to a Hub: only what is missing, compared afterwards, whatever the network does on the way."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from robotdata.dataset import delete_episodes
from robotdata.dataset.exchange.contents import compare
from robotdata.dataset.exchange.errors import Cancelled, TransferRefused
from robotdata.dataset.exchange.progress import Step, Watch
from robotdata.dataset.hub.client import Access, Hub, library
from robotdata.dataset.hub.errors import HubPassing, HubRefused
from robotdata.dataset.hub.push import look
from tests.dataset.conftest import Bench
from tests.support.fake_hub import TOKEN, FakeHub
from tests.support.fake_server import Trouble
from tests.support.hub_steps import REPO, contents, every, hub_of, pushed, quick_hub, sent_files

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of the client, in its own uploads
CARD = "# Cubes\n"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with quick_hub(monkeypatch) as running:
        yield running


def remote(server: FakeHub, revision: str = "main") -> dict[str, bytes]:
    files = server.content(REPO, revision)
    return {name: data for name, data in files.items() if name not in {".gitattributes", "README.md"}}


def test_a_new_repository_gets_the_dataset_and_nothing_of_ours(six: Bench, server: FakeHub) -> None:
    (six.root / "notes.txt").write_text("mine")
    (six.root / "meta/.hidden").write_text("mine")
    steps: list[Step] = []
    outcome = pushed(server, six.root, card=CARD, watch=Watch(steps.append))
    files = sent_files(six.root)
    assert contents(six.root).left_out == ["meta/.hidden", "meta/robotdata.json", "notes.txt"]
    del files["notes.txt"], files["meta/.hidden"]
    assert remote(server) == files and server.content(REPO)["README.md"] == CARD.encode()
    assert (outcome.sent_files, outcome.same_files, outcome.compared) == (len(files), 0, len(files))
    assert outcome.sent_bytes == outcome.compared_bytes == sum(map(len, files.values()))
    repo = server.repos[REPO]
    assert repo.private and repo.refs["tags/v3.0"] == repo.refs["main"] == outcome.commit
    assert "robotdata revision 3" in repo.commits[outcome.commit].title
    last = steps[-1]
    assert (last.files, last.bytes) == (last.files_total, last.bytes_total) == (len(files), outcome.sent_bytes)
    assert [step.bytes for step in steps] == sorted(step.bytes for step in steps)


def test_only_what_an_edit_changed_is_sent_and_what_it_removed_goes(six: Bench, server: FakeHub) -> None:
    pushed(server, six.root, card=CARD)
    stored = dict(server.stored)
    before = sent_files(six.root)
    delete_episodes(six.root, [0], **six.places)
    after = sent_files(six.root)
    changed = {name for name, data in after.items() if before.get(name) != data}
    outcome = pushed(server, six.root)
    assert remote(server) == after and server.content(REPO)["README.md"] == CARD.encode()
    assert 0 < outcome.sent_files <= len(changed) < len(after)  # a renamed file's content is there already
    assert outcome.removed_files == len(before.keys() - after.keys())
    assert {oid: server.stored[oid] for oid in stored} == stored
    assert server.repos[REPO].refs["tags/v3.0"] == outcome.commit
    again = pushed(server, six.root)
    assert (again.commit, again.sent_files, again.same_files) == (outcome.commit, 0, len(after))


@pytest.mark.parametrize("when", ["before", "after"])
def test_connections_that_are_cut_cost_nothing(six: Bench, server: FakeHub, when: str) -> None:
    """Every third request is dropped, or its answer is lost after it had its effect."""
    server.trouble = every(3, Trouble(when=when))
    outcome = pushed(server, six.root, card=CARD)
    assert remote(server) == sent_files(six.root)
    assert outcome.compared == len(sent_files(six.root)) and outcome.tagged
    assert len(server.repos[REPO].commits) == 2  # the empty one, and the one push
    if when == "before":
        assert set(server.stored.values()) == {1}


def test_it_waits_as_long_as_a_busy_hub_asks(six: Bench, server: FakeHub) -> None:
    waits: list[float] = []
    busy = [Trouble(429, "slow down", {"Retry-After": "7"}), Trouble(503), Trouble(500)]
    hub = hub_of(server)
    hub.stopped.wait = lambda timeout=None: bool(waits.append(timeout or 0))  # type: ignore[method-assign]
    server.trouble = lambda method, path, count: busy.pop() if busy else None
    server.fill(REPO, {"meta/info.json": b"{}"})
    assert look(hub, REPO).head is not None
    assert waits == [0.5, 1.0, 7.0]


def test_a_page_does_not_wait_for_a_busy_hub(server: FakeHub) -> None:
    waits: list[float] = []
    hub = Hub(Access(server.url, TOKEN), tries=2)
    hub.stopped.wait = lambda timeout=None: bool(waits.append(timeout or 0))  # type: ignore[method-assign]
    server.trouble = lambda method, path, count: Trouble(429, "slow down", {"Retry-After": "300"})
    with pytest.raises(HubPassing, match="429"):
        look(hub, REPO)
    assert waits == [5.0]


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (
            Trouble(401, "", {"X-Error-Message": "Invalid credentials in Authorization header"}),
            "does not accept the token",
        ),
        (Trouble(403, "no write", {"X-Error-Message": "no write"}), "permission to write"),
        (Trouble(403, "", {"X-Error-Message": "Private repository storage limit reached"}), "no room left"),
        (Trouble(413, "too big"), "no room left"),
        (Trouble(507, "quota"), "no room left"),
    ],
)
def test_a_refusal_is_said_in_words_and_not_asked_again(
    six: Bench, server: FakeHub, trouble: Trouble, words: str
) -> None:
    server.trouble = lambda method, path, count: trouble if path.endswith("/create") else None
    with pytest.raises(HubRefused, match=words):
        pushed(server, six.root)
    assert len([path for path in server.seen if path.endswith("/create")]) == 1


def test_a_hub_that_stays_away_can_be_asked_later(six: Bench, server: FakeHub) -> None:
    server.trouble = lambda method, path, count: Trouble()
    with pytest.raises(HubPassing, match="cannot be reached"):
        pushed(server, six.root)


def test_somebody_elses_commit_meanwhile_is_kept(six: Bench, server: FakeHub) -> None:
    pushed(server, six.root, card=CARD)
    delete_episodes(six.root, [1], **six.places)
    others = [True]

    def commit() -> None:
        if others:
            others.pop()
            repo = server.repos[REPO]
            head = repo.head()
            assert head is not None
            server.commit(repo, {**head.files, "LICENSE": b"theirs"}, "somebody else")

    outcome = pushed(server, six.root, watch=Watch(commit=commit))
    assert server.content(REPO)["LICENSE"] == b"theirs"
    files = remote(server)
    del files["LICENSE"]
    assert files == sent_files(six.root) and outcome.compared == len(files)


def test_a_pull_request_leaves_the_branch_and_is_made_once(six: Bench, server: FakeHub) -> None:
    with pytest.raises(HubRefused, match="nothing to make a pull request to"):
        pushed(server, six.root, pull_request=True)
    pushed(server, six.root, card=CARD)
    delete_episodes(six.root, [0], **six.places)
    repo = server.repos[REPO]
    head, tag = repo.refs["main"], repo.refs["tags/v3.0"]
    server.trouble = lambda method, path, count: Trouble(when="after") if "/commit/" in path else None
    outcome = pushed(server, six.root, pull_request=True, mark="push-2")
    assert (repo.refs["main"], repo.refs["tags/v3.0"], repo.requests) == (head, tag, [1])
    assert outcome.pull_request.endswith(f"{REPO}/discussions/1") and not outcome.tagged
    assert remote(server, "refs/pr/1") == sent_files(six.root) and outcome.compared > 0


def test_large_files_go_in_parts(six: Bench, server: FakeHub) -> None:
    server.part_bytes = 3000
    pushed(server, six.root)
    assert server.parts and remote(server) == sent_files(six.root)


def test_a_repository_with_something_else_is_left_alone(six: Bench, server: FakeHub) -> None:
    server.fill(REPO, {"model.safetensors": b"x" * 5000, "README.md": b"hi"})
    with pytest.raises(TransferRefused, match="not of a LeRobot dataset"):
        pushed(server, six.root)
    assert set(server.content(REPO)) == {"model.safetensors", "README.md"}


def test_what_is_meant_to_be_private_does_not_go_to_a_public_repository(six: Bench, server: FakeHub) -> None:
    pushed(server, six.root, private=False)
    delete_episodes(six.root, [0], **six.places)
    with pytest.raises(HubRefused, match="is public"):
        pushed(server, six.root)
    assert len(server.repos[REPO].commits) == 2
    assert pushed(server, six.root, private=False).sent_files > 0


def test_without_a_token_it_says_where_to_get_one(six: Bench, server: FakeHub) -> None:
    with pytest.raises(HubRefused, match="hf auth login"):
        pushed(server, six.root, token="")
    with pytest.raises(HubRefused, match="does not accept the token") as refused:
        pushed(server, six.root, token="hf_wrong0123")
    assert "hf_wrong0123" not in str(refused.value) and "hf_wrong0123" not in repr(
        hub_of(server, "hf_wrong0123").access
    )


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(HubRefused, match=r"-m pip install -r /.+/requirements-hub\.txt`"):
        library.__wrapped__()


def test_what_is_cancelled_before_it_begins_makes_no_repository(six: Bench, server: FakeHub) -> None:
    seen: list[Step] = []

    def report(step: Step) -> None:
        seen.append(step)
        raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        pushed(server, six.root, watch=Watch(report))
    assert server.repos == {} and [(step.files, step.bytes) for step in seen] == [(0, 0)]
    assert seen[0].bytes_total == sum(map(len, sent_files(six.root).values()))


def test_it_stops_between_two_pieces(six: Bench, server: FakeHub) -> None:
    def report(step: Step) -> None:
        if REPO in server.repos:
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        pushed(server, six.root, watch=Watch(report))
    assert len(server.repos[REPO].commits) == 1
    assert pushed(server, six.root).compared == len(sent_files(six.root))


def test_a_file_that_is_not_what_was_committed_is_not_sent(six: Bench, server: FakeHub) -> None:
    path = next(six.root.glob("videos/**/*.mp4"))
    state, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    with path.open("r+b") as file:  # in place, so that its time can stay
        file.write(data)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(HubRefused, match="is damaged"):
        pushed(server, six.root)
    assert len(server.repos[REPO].commits) == 1


def test_a_preview_reads_only_what_could_be_the_same(six: Bench, server: FakeHub) -> None:
    found = compare(contents(six.root), look(hub_of(server), REPO).files)
    assert (len(found.new), found.changed, found.same, found.gone) == (len(sent_files(six.root)), [], [], [])
    pushed(server, six.root)
    found = compare(contents(six.root), look(hub_of(server), REPO).files)
    assert (found.new, found.changed, found.gone, len(found.same)) == ([], [], [], len(sent_files(six.root)))
