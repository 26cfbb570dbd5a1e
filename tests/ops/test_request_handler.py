"""HTTP requests run on kept threads with kept connections, and end in order whatever the client does."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from recorder.models import Dataset, Episode
from robotdata.one_row import OneRow
from robotdata.request_handler import RequestHandler, RequestThreads

PIECES: list[int] = []
GATE = threading.Event()


def who(request: HttpRequest) -> HttpResponse:
    """Answer with the thread and the database connection of this request."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse(f"{threading.get_ident()} {id(connection.connection)}")


def held(request: HttpRequest) -> HttpResponse:
    GATE.wait(60)
    return HttpResponse(f"{threading.get_ident()}")


def echoed(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body)


def endless(request: HttpRequest) -> StreamingHttpResponse:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                PIECES.append(len(PIECES))
                yield b"piece"
                await asyncio.sleep(0)
        finally:
            PIECES.append(-1)

    return StreamingHttpResponse(pieces())


urlpatterns = [path("who", who), path("held", held), path("echoed", echoed), path("endless", endless)]


@pytest.fixture
def handler(settings: Any) -> Iterator[RequestHandler]:
    settings.ROOT_URLCONF, settings.MIDDLEWARE = __name__, ["robotdata.middleware.refuse_nul"]
    PIECES.clear()
    GATE.clear()
    yield RequestHandler(RequestThreads(2))
    GATE.set()


async def ask(handler: RequestHandler, place: str, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the handler sent for a request whose client sends `messages`, then stays."""
    scope = {"type": "http", "method": "POST", "path": f"/{place}", "query_string": b"", "headers": []}
    coming, sent = list(messages) or [{"type": "http.request", "body": b""}], []

    async def receive() -> dict[str, Any]:
        return coming.pop(0) if coming else await asyncio.Event().wait()  # type: ignore[return-value]

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await handler(scope, receive, send)
    return sent


@pytest.mark.django_db(transaction=True)
async def test_it_keeps_the_thread_and_the_connection_of_a_request_for_the_next(handler: RequestHandler) -> None:
    answers = {(await ask(handler, "who"))[1]["body"] for _ in range(5)}
    assert len(answers) == 1
    assert str(threading.get_ident()).encode() not in answers.pop()


async def test_a_burst_gets_a_thread_each_and_two_are_kept(handler: RequestHandler) -> None:
    burst = [asyncio.ensure_future(ask(handler, "held")) for _ in range(6)]
    await asyncio.sleep(0)
    GATE.set()
    threads = [(await each)[1]["body"] for each in burst]
    assert len(set(threads)) == 6
    again = {(await ask(handler, "held"))[1]["body"] for _ in range(6)}
    assert len(again) <= 2 and again <= set(threads)


async def test_it_joins_a_body_that_comes_in_pieces(handler: RequestHandler) -> None:
    parts = [{"type": "http.request", "body": bytes([n]) * 1000, "more_body": n < 9} for n in range(10)]
    sent = await ask(handler, "echoed", *parts)
    assert sent[1]["body"] == b"".join(bytes([n]) * 1000 for n in range(10))


async def test_a_client_that_leaves_while_it_sends_gets_nothing(handler: RequestHandler) -> None:
    begun = {"type": "http.request", "body": b"abc", "more_body": True}
    assert await ask(handler, "echoed", begun, {"type": "http.disconnect"}) == []


async def test_it_stops_a_stream_whose_client_has_gone(handler: RequestHandler) -> None:
    here = {"type": "http.request", "body": b""}
    sent = await asyncio.wait_for(ask(handler, "endless", here, {"type": "http.disconnect"}), 60)
    assert PIECES[-1] == -1 and len(sent) < 1000


@pytest.mark.django_db
def test_one_row_reads_what_the_model_reads() -> None:
    episode = Episode.objects.create(dataset=Dataset.objects.create(slug="cubes"), task="push")
    columns = ["id", "state", "updated_at", "purged_at"]
    one_row = OneRow(lambda: Episode, columns, ["dataset__slug", "dataset__title"])
    for _ in range(2):  # the second time with the SQL of the first
        row = one_row.get(episode.pk)
        assert row is not None
        read = {name: value for name, value in vars(row[0]).items() if name != "_state"}
        assert read == Episode.objects.values(*columns).get(pk=episode.pk)
        assert row[1:] == Episode.objects.values_list("dataset__slug", "dataset__title").get(pk=episode.pk)
        assert one_row.get(uuid.uuid4()) is None
    user = get_user_model().objects.create_user("olga", password="x")
    row = OneRow(get_user_model).get(user.pk)
    assert row is not None and row[1:] == ()
    read = {name: value for name, value in vars(row[0]).items() if name != "_state"}
    assert read == get_user_model().objects.values().get(pk=user.pk)
