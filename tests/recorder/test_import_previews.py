"""Files are read for the newest question of each account, and for as long as somebody asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from recorder.actor import Actor
from recorder.catalog import import_previews, importing
from recorder.errors import Refused
from robotdata.imports.errors import BadMapping
from robotdata.imports.stopping import Stopped, check_stop
from tests.support.aloha_files import asked, client, raw
from tests.support.foreign import write_aloha
from tests.support.whole import until

__all__ = ["client", "raw"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def over() -> threading.Event:
    """Set: what `slow` reads comes to its end."""
    return threading.Event()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, over: threading.Event) -> Iterator[list[str]]:
    """Files that are read for ever, and requests that hardly wait; says of each reading that it was stopped."""
    ended: list[str] = []

    def read(*_: Any) -> Any:
        try:
            while not over.is_set():
                check_stop()
                over.wait(0.001)
        except Stopped:
            ended.append("stopped")
            raise
        raise BadMapping("the test is over")

    monkeypatch.setattr(importing, "preview_sources", read)
    monkeypatch.setattr(import_previews, "WAIT_S", 0.01)
    yield ended
    over.set()
    until(lambda: not import_previews._reading)
    import_previews._begun.clear()


def code_of(answer: Any) -> str:
    assert answer.status_code == 503
    return str(answer.json()["error"]["code"])


def test_a_newer_question_stops_the_reading_for_the_one_before(client: Client, raw: Path, slow: list[str]) -> None:
    for fps in range(1, 8):
        until(lambda: len(import_previews._reading) < 4)
        assert code_of(asked(client, {"paths": [str(raw)], "fps": fps})) == "running"
    until(lambda: len(slow) == 6 and len(import_previews._reading) == 1)
    assert len(import_previews._begun) == 1


def test_whoever_waits_is_told_of_the_newer_question(
    client: Client, raw: Path, slow: list[str], over: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_previews, "WAIT_S", 60.0)
    with ThreadPoolExecutor(2) as threads:
        earlier = threads.submit(look_as, "olga", raw, fps=1)
        until(lambda: len(import_previews._reading) == 1)
        later = threads.submit(look_as, "olga", raw, fps=2)
        refused = earlier.exception(60)
        over.set()
        assert isinstance(refused, Refused) and refused.code == "replaced"
        assert isinstance(answered := later.exception(60), Refused) and "the test is over" in answered.message.lower()
        assert slow == ["stopped"]


def look_as(name: str, raw: Path, fps: float) -> None:
    actor = Actor(name)
    importing.look_at(paths=[str(raw)], mapping=None, changes=importing.Changes(fps=fps), actor=actor)


def test_what_one_account_left_behind_does_not_keep_others_waiting(client: Client, raw: Path, slow: list[str]) -> None:
    for number in range(6):
        with pytest.raises(Refused, check=lambda refused: "large" in refused.message):
            look_as(f"person {number}", raw, fps=1)
    assert len(import_previews._reading) == 6 and slow == []


def test_nothing_is_read_for_long_for_somebody_who_went_away(
    client: Client, raw: Path, slow: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert code_of(asked(client, {"paths": [str(raw)]})) == "running"
    later = import_previews._now() + 61
    monkeypatch.setattr(import_previews, "_now", lambda: later)
    with pytest.raises(Refused):
        look_as("pavel", raw, fps=1)
    until(lambda: slow == ["stopped"])


@pytest.mark.parametrize("how", ["a file changed", "a minute passed"])
def test_an_answer_that_nobody_came_for_is_not_given_when_it_is_old(
    client: Client, raw: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "a minute passed":  # as with a folder, whose state does not tell of what is in it
        monkeypatch.setattr(importing, "_state", lambda path: (0, 0))
    read, look = threading.Event(), importing.preview_sources
    monkeypatch.setattr(importing, "preview_sources", lambda *given: (read.wait(), look(*given))[1])
    monkeypatch.setattr(import_previews, "WAIT_S", 0.01)
    body = {"paths": [str(raw)]}
    assert code_of(asked(client, body)) == "running"
    read.set()
    until(lambda: [each.future.done() for each in import_previews._begun.values()] == [True])
    monkeypatch.setattr(import_previews, "WAIT_S", 60.0)
    if how == "a minute passed":
        later = import_previews._now() + 61
        monkeypatch.setattr(import_previews, "_now", lambda: later)
    write_aloha(raw / "episode_2.hdf5", rows=9, episode=2)
    assert [each["rows"] for each in asked(client, body).json()["recordings"]] == [5, 6, 9]
