"""Files that are kept: the oldest go, no unfinished one does, and a full disk is seen before a log is written."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recorder.models import Episode
from viewer import kept_files
from viewer.film import FILM_SLOTS
from viewer.kept_files import kept_file

MakeEpisode = Callable[..., Episode]


def write(data: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(data)

    return make


def test_a_file_that_is_being_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_files, "_MAX_BYTES", 10)
    kept_file(tmp_path, "old", "gif", write(b"o" * 8))

    def slow(path: Path) -> None:
        path.write_bytes(b"s" * 8)
        hour_ago = time.time() - 3600
        os.utime(path, (hour_ago, hour_ago))
        kept_file(tmp_path, "quick", "gif", write(b"q" * 8))
        path.read_bytes()

    path = kept_file(tmp_path, "slow", "mp4", slow)
    assert path.read_bytes() == b"s" * 8
    assert sorted(each.read_bytes()[:1] for each in tmp_path.iterdir()) == [b"q", b"s"]


def test_a_part_of_a_process_that_was_killed_goes_after_a_day(tmp_path: Path) -> None:
    for name, age in (("left", 3 * 24 * 3600), ("new", 60)):
        part = tmp_path / f".{name}.mp4"
        part.write_bytes(b"x")
        os.utime(part, (part.stat().st_mtime - age,) * 2)
    kept_file(tmp_path, "a", "gif", write(b"a"))
    assert {each.name for each in tmp_path.iterdir() if each.name.startswith(".")} == {".new.mp4"}


def test_a_file_that_is_deleted_while_it_is_found_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = kept_file(tmp_path, "a", "gif", write(b"first"))
    utime = os.utime

    def deleted_before(*args: Any, **more: Any) -> None:
        path.unlink(missing_ok=True)
        utime(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "utime", deleted_before)
        kept_file(tmp_path, "a", "gif", write(b"again"))
    assert path.read_bytes() == b"again"


@pytest.fixture
def signed_in(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


@pytest.mark.parametrize("make", ["make_episode", "make_committed"])
def test_a_log_that_would_fill_the_disk_is_not_begun(
    signed_in: Client, make: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    episode = request.getfixturevalue(make)(12)
    address = f"/media/{episode.pk}/log.mcap"
    full = shutil.disk_usage("/")._replace(free=5000)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _path: full)
        refused = signed_in.get(address)
    assert refused.status_code == 503 and "5 kB are free" in refused.content.decode(), refused.content
    assert signed_in.get(address).status_code == 200


def test_a_log_does_not_wait_for_a_film(
    signed_in: Client, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    take: Any = make_episode(12)
    monkeypatch.setattr(FILM_SLOTS, "_wait_s", 0)
    with FILM_SLOTS:
        assert signed_in.get(f"/media/{take.pk}/film.gif").status_code == 503
        assert signed_in.get(f"/media/{take.pk}/log.mcap").status_code == 200
