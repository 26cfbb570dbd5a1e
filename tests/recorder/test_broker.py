from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection

from recorder.jobs import file_broker


@pytest.fixture
def channels(tmp_path: Path) -> Iterator[Any]:
    """Makes channels of one queue, each as a process of its own would have it."""
    opened = []
    options = {"data_folder_in": tmp_path / "q", "data_folder_out": tmp_path / "q", "control_folder": tmp_path / "c"}
    (tmp_path / "q").mkdir()

    def make() -> Any:
        connection = Connection("filesystem://", transport_options={k: str(v) for k, v in options.items()})
        opened.append(connection)
        return connection.default_channel

    yield make
    for connection in opened:
        connection.close()


def test_it_is_the_embedded_broker(channels: Any) -> None:
    assert isinstance(channels(), file_broker.Channel)


def test_it_gives_messages_in_their_order(channels: Any) -> None:
    channel = channels()
    for number in range(20):
        channel._put("celery", {"n": number})
    assert [channel._get("celery")["n"] for _ in range(20)] == list(range(20))
    with pytest.raises(Empty):
        channel._get("celery")


def test_it_loses_none_and_shows_none_half_while_all_write_and_read(channels: Any) -> None:
    got: list[int] = []
    done = threading.Event()

    def write(channel: Any, first: int) -> None:
        for number in range(first, first + 300):
            channel._put("celery", {"n": number})

    def read(channel: Any) -> None:
        while True:
            last = done.is_set()
            try:
                got.append(channel._get("celery")["n"])
            except Empty:
                if last:
                    return

    writers = [threading.Thread(target=write, args=(channels(), first)) for first in (0, 300)]
    readers = [threading.Thread(target=read, args=(channels(),)) for _ in range(2)]
    for thread in (*writers, *readers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert sorted(got) == list(range(600))


def test_it_passes_over_half_a_message(channels: Any, tmp_path: Path) -> None:
    channel = channels()
    (tmp_path / "q/00000000000000000001_x.celery.msg").write_text("")
    channel._put("celery", {"n": 1})
    with pytest.raises(Empty):
        channel._get("celery")
    assert channel._get("celery") == {"n": 1}
