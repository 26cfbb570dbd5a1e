"""Frames that are answered before Django's middleware: the same answers, and nobody gets one whom Django refuses."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone

from recorder.models import Episode
from robotdata.remembered_rows import RememberedRows
from robotdata.request_handler import RequestHandler, RequestThreads
from robotdata.video.barcode import read
from robotdata.video.jpeg import decode_jpeg
from tests.viewer.conftest import FRONT
from viewer import quick_frames
from viewer.quick_frames import QuickFrames, parse_request

pytestmark = pytest.mark.django_db(transaction=True)
in_memory = pytest.mark.skipif(
    connection.vendor != "sqlite" or not hasattr(os, "RWF_NOWAIT"), reason="only where this can be asked without a wait"
)
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


class Door:
    """The application with and without the quick answers, and how many requests reached Django."""

    def __init__(self) -> None:
        self.pages = RequestHandler(RequestThreads(1))
        self.reached = 0
        self.quick = QuickFrames(self._counted)

    async def _counted(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached += 1
        await self.pages(scope, receive, send)

    def ask(self, path: str, *, cookie: str = "", slow: bool = False, **more: Any) -> Answer:
        """Return status, sorted headers and body of the answer to a request."""
        path, _, query = path.partition("?")
        headers = {b"host": b"testserver", b"cookie": cookie.encode()} | more.pop("headers", {})
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "scheme": "http",
            "query_string": query.encode(),
            **more,
        }
        scope["headers"] = list(headers.items())
        return async_to_sync(self._ask)(self.pages if slow else self.quick, scope)

    async def _ask(self, app: Any, scope: dict[str, Any]) -> Answer:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await asyncio.wait_for(app(scope, receive, send), 60)
        headers = sorted((name.lower(), _ordered(name.lower(), value)) for name, value in sent[0]["headers"])
        if sent[0]["status"] == 304:  # Django's has length and type of an empty page, which are not the frame's
            headers = [(name, value) for name, value in headers if not name.startswith(b"content-")]
        return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])


def _ordered(name: bytes, value: bytes) -> bytes:
    """The policy's directives come in any order."""
    return b"; ".join(sorted(value.split(b"; "))) if name == b"content-security-policy" else value


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def cookie(client: Client, olga: User) -> str:
    client.force_login(olga)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def test_it_gives_the_frame_that_django_gives(door: Door, cookie: str, make_episode: Callable[..., Episode]) -> None:
    url = f"/media/{make_episode(12).pk}/frame/{FRONT}/%s"
    first = door.ask(url % "3.jpg", cookie=cookie)
    assert (first[0], door.reached, read(decode_jpeg(first[2])).tick) == (200, 1, 3)
    etag = dict(first[1])[b"etag"]
    version = etag.strip(b'"').split(b"-")[0].decode()
    for place, headers in [
        ("3.jpg", {}),
        ("11.jpg", {}),
        ("3.jpg?height=60", {}),
        (f"3.jpg?v={version}", {}),
        ("3.jpg?v=old", {}),
        ("3.jpg", {b"if-none-match": etag}),
    ]:
        quick = door.ask(url % place, cookie=cookie, headers=headers)
        assert quick == door.ask(url % place, cookie=cookie, headers=headers, slow=True)
    assert door.reached == 1, "all but the first were answered before Django"


@pytest.mark.parametrize(
    ("place", "more", "status"),
    [
        ("frame/{front}/12.jpg", {}, 404),
        ("frame/observation.images.none/1.jpg", {}, 404),
        ("frame/{front}/1.jpg?height=1", {}, 400),
        ("frame/{front}/1.jpg", {"method": "HEAD"}, 200),
        ("frame/{front}/1.jpg", {"method": "POST"}, 403),
        ("frame/{front}/1.jpg", {"headers": {b"host": b"elsewhere.example"}}, 400),
        ("frame/{front}/1.jpg", {"headers": {b"cookie": b""}}, 401),
        ("frame/{front}/1.jpg", {"headers": {b"cookie": b"\xff=\x01; ="}}, 401),
        ("frame/{front}/1.jpg", {"headers": {b"cookie": b"", b"authorization": b"Bearer no"}}, 401),
    ],
)
def test_django_answers_everything_else(
    door: Door, cookie: str, make_episode: Callable[..., Episode], place: str, more: dict[str, Any], status: int
) -> None:
    base = f"/media/{make_episode(12).pk}/"
    assert door.ask(f"{base}frame/{FRONT}/0.jpg", cookie=cookie)[0] == 200
    more.setdefault("cookie", cookie)
    quick = door.ask(base + place.format(front=FRONT), **more)
    assert quick[0] == status and door.reached == 2
    assert quick == door.ask(base + place.format(front=FRONT), slow=True, **more)


@pytest.mark.parametrize("how", ["signed out", "expired", "blocked", "deleted", "new password"])
def test_who_may_not_see_a_frame_any_more_gets_none_at_once(
    door: Door, cookie: str, client: Client, olga: User, make_episode: Callable[..., Episode], how: str
) -> None:
    url = f"/media/{make_episode(12).pk}/frame/{FRONT}/0.jpg"
    assert [door.ask(url, cookie=cookie)[0] for _ in range(3)] == [200] * 3 and door.reached == 1
    if how == "signed out":
        client.logout()
    elif how == "expired":
        Session.objects.update(expire_date=timezone.now())
    elif how == "blocked":
        User.objects.update(is_active=False)
    elif how == "deleted":
        olga.delete()
    else:
        olga.set_password("another")
        olga.save()
    status, _, body = door.ask(url, cookie=cookie)
    assert status == 401 and b"signed_out" in body


def test_a_frame_costs_queries_only_after_a_change(
    door: Door, cookie: str, make_episode: Callable[..., Episode], django_assert_num_queries: Any
) -> None:
    episode = make_episode(12)
    path = f"/media/{episode.pk}/frame/{FRONT}/0.jpg"
    scope = {"method": "GET", "path": path, "query_string": b"", "headers": [(b"cookie", cookie.encode())]}
    asked = parse_request(scope)
    assert asked is not None

    def queries(most: int) -> None:
        with django_assert_num_queries(most):
            assert quick_frames.read_answer(asked) is not None

    Episode.objects.update(note="changed here")
    queries(3)
    queries(0 if connection.vendor == "sqlite" else 3)
    with ThreadPoolExecutor(1) as another:  # with a connection of its own
        another.submit(Episode.objects.update, note="changed elsewhere").result(60)
        another.submit(connections.close_all).result(60)
    queries(3)


def test_what_is_read_in_a_transaction_is_not_remembered(make_episode: Callable[..., Episode]) -> None:
    episode, rows = make_episode(12), RememberedRows()

    def note() -> str:
        return rows.get("note", lambda: Episode.objects.values_list("note", flat=True).get(pk=episode.pk))

    before = note()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Episode.objects.update(note="taken back")
        assert note() == "taken back"
        raise ZeroDivisionError
    assert note() == before


def test_an_answer_older_than_a_change_is_not_kept_though_an_inner_one_saw_it(
    make_episode: Callable[..., Episode],
) -> None:
    episode, rows = make_episode(12), RememberedRows()

    def note() -> str:
        return Episode.objects.values_list("note", flat=True).get(pk=episode.pk)

    def interrupted() -> str:
        before = note()
        Episode.objects.update(note="changed meanwhile")
        assert rows.get("inner", note) == "changed meanwhile"
        return before

    assert rows.get("outer", interrupted) == ""
    assert rows.get("outer", note) == "changed meanwhile"


@pytest.fixture(autouse=True)
def memory_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' home may be in a memory file system, which is never waited for but knows no RWF_NOWAIT."""
    preadv = getattr(os, "preadv", None)

    def at_once(fd: int, buffers: Any, offset: int, flags: int = 0) -> int:
        assert preadv is not None
        try:
            return int(preadv(fd, buffers, offset, flags))
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            return int(preadv(fd, buffers, offset))

    monkeypatch.setattr(os, "preadv", at_once, raising=False)


@pytest.fixture
def threads_asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the frames for which a thread was asked."""
    asked: list[int] = []
    read = quick_frames.read_answer

    def noted(wanted: quick_frames.Asked) -> Any:
        asked.append(wanted.wanted.number)
        return read(wanted)

    monkeypatch.setattr(quick_frames, "read_answer", noted)
    return asked


@in_memory
def test_a_frame_in_memory_needs_no_thread_until_the_database_changes(
    door: Door, cookie: str, make_episode: Callable[..., Episode], threads_asked: list[int]
) -> None:
    url = f"/media/{make_episode(12).pk}/frame/{FRONT}/%d.jpg"
    door.ask(url % 0, cookie=cookie)
    for n in (1, 2, 3, 2):
        quick = door.ask(url % n, cookie=cookie)
        assert read(decode_jpeg(quick[2])).tick == n
        assert quick == door.ask(url % n, cookie=cookie, slow=True)
    assert threads_asked == [1] and door.reached == 1
    Episode.objects.update(note="changed")
    door.ask(url % 4, cookie=cookie)
    door.ask(url % 5, cookie=cookie)
    assert threads_asked == [1, 4]


@in_memory
def test_a_thread_reads_what_is_not_in_memory(
    door: Door,
    cookie: str,
    make_episode: Callable[..., Episode],
    threads_asked: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"/media/{make_episode(12).pk}/frame/{FRONT}/%d.jpg"
    door.ask(url % 0, cookie=cookie)
    door.ask(url % 1, cookie=cookie)

    def would_wait(*_: Any) -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "preadv", would_wait)
    assert read(decode_jpeg(door.ask(url % 7, cookie=cookie)[2])).tick == 7
    assert threads_asked == [1, 7] and door.reached == 1


@pytest.mark.parametrize("how", ["removed", "damaged", "cut"])
def test_a_take_whose_file_changes_is_not_shown_from_memory(
    door: Door, cookie: str, make_episode: Callable[..., Episode], how: str
) -> None:
    episode = make_episode(12)
    url = f"/media/{episode.pk}/frame/{FRONT}/3.jpg"
    assert [door.ask(url, cookie=cookie)[0] for _ in range(3)] == [200] * 3 and door.reached == 1
    file = episode.take_path / f"{FRONT}.mkv"
    if how == "removed":
        shutil.rmtree(episode.take_path)
    elif how == "damaged":
        file.write_bytes(bytes(file.stat().st_size))
    else:
        os.truncate(file, 100)
    assert door.ask(url, cookie=cookie)[0] == 410


@pytest.mark.parametrize("how", ["emptied from the trash", "deleted"])
def test_an_episode_that_is_gone_is_shown_no_more(
    door: Door, cookie: str, make_episode: Callable[..., Episode], how: str
) -> None:
    episode = make_episode(12)
    url = f"/media/{episode.pk}/frame/{FRONT}/0.jpg"
    assert [door.ask(url, cookie=cookie)[0] for _ in range(3)] == [200] * 3 and door.reached == 1
    if how == "deleted":
        episode.delete()
    else:
        Episode.objects.update(purged_at=timezone.now())
    assert door.ask(url, cookie=cookie)[0] in (404, 410)


def test_a_session_ends_at_its_time_though_nobody_changes_anything(
    door: Door, cookie: str, make_episode: Callable[..., Episode], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"/media/{make_episode(12).pk}/frame/{FRONT}/0.jpg"
    assert [door.ask(url, cookie=cookie)[0] for _ in range(3)] == [200] * 3 and door.reached == 1
    later = timezone.now() + timedelta(days=400)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert door.ask(url, cookie=cookie)[0] == 401


def test_django_answers_when_too_many_wait(
    door: Door, cookie: str, make_episode: Callable[..., Episode], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"/media/{make_episode(12).pk}/frame/{FRONT}/0.jpg"
    door.ask(url, cookie=cookie)
    monkeypatch.setattr(quick_frames, "_MOST_WAITING", 0)
    assert door.ask(url, cookie=cookie)[0] == 200 and door.reached == 2
