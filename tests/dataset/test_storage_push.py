"""A dataset is sent to object storage: only what is missing, seen as a whole, compared, whatever the network does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from robotdata.dataset import delete_episodes
from robotdata.dataset.exchange.errors import Cancelled, TransferRefused
from robotdata.dataset.exchange.progress import Step, Watch
from robotdata.dataset.exchange.zip_plan import ChangedMeanwhile
from robotdata.dataset.storage.client import library
from robotdata.dataset.storage.errors import StoragePassing, StorageRefused
from robotdata.dataset.storage.names import parse_endpoint, parse_target
from robotdata.dataset.storage.push import compared, push
from tests.dataset.conftest import Bench
from tests.support.fake_s3 import BUCKET, FakeS3
from tests.support.fake_server import Trouble
from tests.support.hub_steps import contents, every, sent_files
from tests.support.storage_steps import (
    FOLDER,
    LIST,
    TARGET,
    enlarge,
    quick_storage,
    sent_to,
    storage_of,
    there,
)

INFO = f"{FOLDER}/meta/info.json"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    with quick_storage(monkeypatch) as running:
        yield running


def test_a_new_folder_gets_the_dataset_its_list_last(six: Bench, server: FakeS3) -> None:
    (six.root / "notes.txt").write_text("mine")
    steps: list[Step] = []
    outcome = sent_to(server, six.root, Watch(steps.append))
    files = sent_files(six.root)
    del files["notes.txt"]
    assert there(server) == files
    assert (outcome.sent_files, outcome.same_files, outcome.compared) == (len(files), 0, len(files))
    assert outcome.sent_bytes == outcome.compared_bytes == sum(map(len, files.values()))
    assert server.written[0] == f"{FOLDER}/{LIST}" and server.written[-2:] == [INFO, f"{FOLDER}/{LIST}"]
    assert (steps[-1].files, steps[-1].bytes) == (len(files), outcome.sent_bytes)
    assert [step.bytes for step in steps] == sorted(step.bytes for step in steps)
    again = sent_to(server, six.root)
    assert (again.sent_files, again.same_files, again.compared) == (0, len(files), len(files))
    assert not [each for each in server.seen[-4:] if each.startswith("PUT")]


def test_only_what_an_edit_changed_is_sent_and_nobody_sees_half_of_it(six: Bench, server: FakeS3) -> None:
    sent_to(server, six.root)
    before = sent_files(six.root)
    delete_episodes(six.root, [0], **six.places)
    server.written.clear()
    after = sent_files(six.root)
    halves = []

    def look(method: str, path: str, count: int) -> None:
        state = there(server)
        whole = state.items() >= before.items() or state.items() >= after.items()
        halves.append("meta/info.json" in state and not whole)

    server.trouble = look
    outcome = sent_to(server, six.root)
    assert not any(halves) and len(halves) > 10
    changed = {name for name, data in after.items() if before.get(name) != data}
    assert there(server) == after and outcome.sent_files == len(changed) < len(after)
    gone = before.keys() - after.keys()
    assert outcome.removed_files == len(gone)
    removed = [f"-{FOLDER}/{name}" for name in sorted(gone)]
    at = server.written.index(f"-{INFO}")
    assert server.written[len(server.written) - len(removed) :] == removed
    assert server.written[at - 1] == f"{FOLDER}/{LIST}"
    rest = server.written[at + 1 : len(server.written) - len(removed)]
    assert rest[-2:] == [INFO, f"{FOLDER}/{LIST}"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_connections_that_are_cut_cost_nothing(six: Bench, server: FakeS3, when: str) -> None:
    """Every third request is dropped, or its answer is lost after it had its effect."""
    enlarge(six.root)
    server.trouble = every(3, Trouble(when=when))
    outcome = sent_to(server, six.root)
    assert there(server) == sent_files(six.root) and outcome.compared == len(there(server))
    delete_episodes(six.root, [5], **six.places)
    server.age_uploads()  # one whose number was lost is nobody's
    sent_to(server, six.root)
    assert there(server) == sent_files(six.root)


def test_large_files_go_in_parts_that_a_later_run_finds(six: Bench, server: FakeS3) -> None:
    path = enlarge(six.root)
    key = f"{FOLDER}/{path.relative_to(six.root).as_posix()}"
    server.trouble = lambda method, address, count: Trouble(500) if "partNumber=3" in address else None
    with pytest.raises(StoragePassing, match="500"):
        sent_to(server, six.root)
    assert sorted(part for part in server.parts_sent if part[0] == key) == [(key, 1), (key, 2)]
    assert key not in server.objects
    server.trouble = lambda method, address, count: None
    server.parts_sent.clear()
    sent_to(server, six.root)
    assert [part for part in server.parts_sent if part[0] == key] == [(key, 3)] and server.objects[
        key
    ].data == path.read_bytes()
    assert server.objects[key].etag.endswith("-3") and server.uploads == {}


def test_parts_of_another_content_are_not_joined_with_ours(six: Bench, server: FakeS3) -> None:
    path = enlarge(six.root)
    server.trouble = lambda method, address, count: Trouble(500) if "partNumber=3" in address else None
    with pytest.raises(StoragePassing):
        sent_to(server, six.root)
    server.trouble = lambda method, address, count: None
    enlarge(six.root, seed=2)
    sent_to(server, six.root)
    assert there(server) == sent_files(six.root)
    assert server.objects[f"{FOLDER}/{path.relative_to(six.root).as_posix()}"].data == path.read_bytes()


def test_a_large_file_is_replaced_only_when_all_of_it_is_there(six: Bench, server: FakeS3) -> None:
    path = enlarge(six.root)
    sent_to(server, six.root)
    old = dict(server.objects)
    enlarge(six.root, seed=2)

    def stop() -> None:
        raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        sent_to(server, six.root, Watch(commit=stop))
    assert server.objects == old and server.uploads
    server.parts_sent.clear()
    sent_to(server, six.root)
    assert server.parts_sent == [] and there(server) == sent_files(six.root)
    assert server.objects[f"{FOLDER}/{path.relative_to(six.root).as_posix()}"].data == path.read_bytes()


def test_a_busy_storage_is_asked_again(six: Bench, server: FakeS3) -> None:
    waits: list[float] = []
    busy = [Trouble(503, "SlowDown", {"Retry-After": "7"}), Trouble(500, "InternalError"), Trouble(429)]
    storage = storage_of(server)
    storage.stopped.wait = lambda timeout=None: bool(waits.append(timeout or 0))  # type: ignore[method-assign]
    server.trouble = lambda method, path, count: busy.pop() if busy else None
    compared(storage, contents(six.root), parse_target(TARGET))
    assert waits == [0.0, 0.0, 7.0]


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Trouble(403, "AccessDenied"), "may not do that"),
        (Trouble(403, "QuotaExceeded"), "no room left"),
        (Trouble(507, "InsufficientStorage"), "no room left"),
        (Trouble(403, "RequestTimeTooSkewed"), "clock"),
        (Trouble(400, "InvalidRequest"), "refused"),
    ],
)
def test_a_refusal_is_said_in_words_and_not_asked_again(
    six: Bench, server: FakeS3, trouble: Trouble, words: str
) -> None:
    server.trouble = lambda method, path, count: trouble if method == "PUT" else None
    with pytest.raises(StorageRefused, match=words):
        sent_to(server, six.root)
    assert len([each for each in server.seen if each.startswith("PUT")]) == 1


def test_wrong_keys_and_buckets_are_said_and_keys_are_not(six: Bench, server: FakeS3) -> None:
    for wrong in ({"key": "AKIAOTHER"}, {"secret": "wrong-secret"}):
        storage = storage_of(server, **wrong)
        with pytest.raises(StorageRefused, match="does not accept the keys") as refused:
            sent_to(server, six.root, storage=storage)
        assert not [each for each in wrong.values() if each in f"{refused.value} {storage.access!r}"]
    with pytest.raises(StorageRefused, match="has no bucket"):
        compared(storage_of(server), contents(six.root), parse_target("s3://other/cubes"))


def test_a_storage_that_stays_away_can_be_asked_later(six: Bench, server: FakeS3) -> None:
    server.trouble = lambda method, path, count: Trouble()
    with pytest.raises(StoragePassing, match="cannot be reached"):
        sent_to(server, six.root)


def test_somebody_elses_push_meanwhile_is_noticed(six: Bench, server: FakeS3) -> None:
    sent_to(server, six.root)
    delete_episodes(six.root, [1], **six.places)
    others = [True]

    def meanwhile() -> None:
        if others:
            others.pop()
            key = f"{FOLDER}/{LIST}"
            data = server.objects[key].data + b" "
            server.fill(FOLDER, {LIST: data, "meta/tasks.parquet": b"theirs"})

    outcome = sent_to(server, six.root, Watch(commit=meanwhile))
    assert there(server) == sent_files(six.root) and outcome.compared == len(there(server))


def test_a_folder_with_something_else_is_left_alone(six: Bench, server: FakeS3) -> None:
    server.fill(FOLDER, {"model.safetensors": b"x" * 50})
    with pytest.raises(TransferRefused, match="not of a LeRobot dataset"):
        sent_to(server, six.root)
    assert set(server.content(FOLDER)) == {"model.safetensors"}


def test_a_dataset_of_another_program_is_updated(six: Bench, server: FakeS3) -> None:
    """Without our list nothing is known of its objects, so they are sent again; a damaged list is written anew."""
    files = sent_files(six.root)
    server.fill(FOLDER, {**files, "LICENSE": b"theirs", "data/old.parquet": b"x", LIST: b"[1, 2"})
    with pytest.raises(StorageRefused, match="another dataset, which robotdata did not send"):
        sent_to(server, six.root)
    outcome = sent_to(server, six.root, replace=True)
    assert there(server) == {**files, "LICENSE": b"theirs"} and outcome.sent_files == len(files)
    assert sent_to(server, six.root).sent_files == 0


def test_another_dataset_is_replaced_only_if_that_was_asked_for(six: Bench, server: FakeS3) -> None:
    sent_to(server, six.root)
    before = dict(server.objects)
    other = replace(contents(six.root), name="forks")
    with pytest.raises(StorageRefused, match="another dataset, cubes"):
        push(storage_of(server), other, parse_target(TARGET), Watch())
    assert server.objects == before
    push(storage_of(server), other, parse_target(TARGET), Watch(), replace=True)
    with pytest.raises(StorageRefused, match="another dataset, forks"):
        sent_to(server, six.root)


def test_long_lists_come_in_pages(six: Bench, server: FakeS3) -> None:
    server.page = 2
    sent_to(server, six.root)
    assert sent_to(server, six.root).same_files == len(sent_files(six.root))


def test_it_stops_between_two_pieces(six: Bench, server: FakeS3) -> None:
    enlarge(six.root)

    def report(step: Step) -> None:
        if step.bytes:
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        sent_to(server, six.root, Watch(report))
    assert INFO not in server.objects
    assert sent_to(server, six.root).compared == len(sent_files(six.root))


def test_a_file_that_is_not_what_was_committed_is_not_sent(six: Bench, server: FakeS3) -> None:
    path = next(six.root.glob("videos/**/*.mp4"))
    state, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    with path.open("r+b") as file:  # in place, so that its time can stay
        file.write(data)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(StorageRefused, match="is damaged"):
        sent_to(server, six.root)
    assert INFO not in server.objects


@pytest.mark.parametrize("is_large", [True, False])
def test_a_file_that_is_cut_meanwhile_is_said(six: Bench, server: FakeS3, is_large: bool) -> None:
    enlarge(six.root, size=(18 << 20) if is_large else 100)
    path = sorted(six.root.glob("videos/**/*.mp4"))[0]
    state = contents(six.root)

    def cut(method: str, address: str, count: int) -> None:
        if path.stat().st_size > 1000 and ("partNumber=1" in address or LIST in address):
            os.truncate(path, 1000)

    server.trouble = cut
    with pytest.raises(ChangedMeanwhile):
        push(storage_of(server), state, parse_target(TARGET), Watch())
    assert INFO not in server.objects


def test_it_is_stopped_while_it_compares(six: Bench, server: FakeS3) -> None:
    """Before and after what is sent: both can take long, one question for each file."""
    sent_to(server, six.root)
    del server.objects[f"{FOLDER}/{LIST}"]
    asked: list[Step] = []

    def report(step: Step) -> None:
        asked.append(step)
        if any(each.startswith("HEAD") for each in server.seen):
            raise Cancelled("cancelled")

    server.seen.clear()
    with pytest.raises(Cancelled):
        sent_to(server, six.root, Watch(report), replace=True)
    assert not [each for each in server.seen if each.startswith("PUT")]
    assert {step.bytes for step in asked} == {0} and asked[0].files_total == len(sent_files(six.root))


def test_what_was_damaged_there_afterwards_is_noticed(six: Bench, server: FakeS3) -> None:
    """An object that another program changed is not taken for ours, though the list names it."""
    sent_to(server, six.root)
    name = next(name for name in there(server) if name.endswith(".parquet"))
    data = server.objects[f"{FOLDER}/{name}"].data
    server.fill(FOLDER, {name: bytes(len(data))})
    assert sent_to(server, six.root).sent_files == 2  # and info.json, which goes meanwhile
    assert there(server) == sent_files(six.root)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.config", None)
    with pytest.raises(StorageRefused, match=r"-m pip install -r /.+/requirements-storage\.txt`"):
        library.__wrapped__()


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        *((parse_target, each) for each in ("s3://lab", "s3://Lab/x", "s3://lab/a//b", "s3://lab/../x", "https://a/b")),
        (parse_target, "s3://lab/a\\b"),
        *((parse_endpoint, each) for each in ("minio:9000", "ftp://a", "https://me:pw@a", "https://a/?x=1", "http://")),
        *((parse_endpoint, f"http://{each}") for each in ("169.254.169.254", "[fe80::1]", "[::ffff:169.254.1.1]:80")),
        *(
            (parse_endpoint, f"http://{each}/")
            for each in ("0xa9fea9fe", "2852039166", "169.254.43518", "[fe80::1%25eth0]")
        ),
    ],
)
def test_a_wrong_address_is_refused(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(StorageRefused):
        parse(text)


def test_addresses_are_read() -> None:
    assert str(parse_target(" s3://lab/sets/cubes/ ")) == TARGET and parse_target(TARGET).bucket == BUCKET
    assert parse_endpoint("https://minio.lab:9000/") == "https://minio.lab:9000" and parse_endpoint(" ") == ""


def test_keys_of_files_are_plain() -> None:
    assert parse_target("s3://lab/a b/ü").key("meta/info.json") == "a b/ü/meta/info.json"
