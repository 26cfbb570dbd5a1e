"""What frequent acts cost in queries, fsyncs and messages: at most what bench/budgets.toml says."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
from recorder.live.consumers import RigConsumer
from recorder.models import Dataset, Episode, Job, Operation, Rig
from recorder.worker import encode, run
from robotdata.request_handler import RequestHandler, RequestThreads
from tests.support.budgets import exceeded
from tests.support.counting import Counts, counting
from viewer.committed_source import DECODERS
from viewer.locate import SOURCES
from viewer.quick_frames import QuickFrames

pytestmark = pytest.mark.django_db(transaction=True)
FRONT = "observation.images.front"
CSRF = "c" * 32
WITHIN_S = 60
MakeEpisode = Callable[..., Episode]


class Browser:
    """Somebody who is signed in, at the application for HTTP as it is served."""

    def __init__(self, cookie: str) -> None:
        self.cookie = cookie
        self.application = QuickFrames(RequestHandler(RequestThreads(1)))

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        """Return the body of an answer, whose status must be that of success."""
        content: bytes = async_to_sync(self.ask_async)(method, path, body)
        return content

    async def ask_async(self, method: str, path: str, body: Any = None) -> bytes:
        path, _, query = path.partition("?")
        headers = {"host": "testserver", "cookie": self.cookie, "x-csrftoken": CSRF, "content-type": "application/json"}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "scheme": "http",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"" if body is None else json.dumps(body).encode()}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await asyncio.wait_for(self.application(scope, receive, send), WITHIN_S)
        content = b"".join(message.get("body", b"") for message in sent[1:])
        assert sent[0]["status"] < 300, content[:500]
        return content


@pytest.fixture(scope="module", autouse=True)
def files_closed() -> Iterator[None]:
    """What the viewer's caches hold open is closed at the end."""
    yield
    SOURCES.clear()
    DECODERS.clear()


@pytest.fixture
def browser(client: Client, db: None) -> Browser:
    client.force_login(User.objects.create_superuser("olga"))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    return Browser(f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={CSRF}")


@pytest.fixture
def takes(make_episode: MakeEpisode, cubes: Dataset) -> list[Episode]:
    """More than a page of the wall, in a dataset with a goal, beside other datasets and rigs."""
    Dataset.objects.filter(pk=cubes.pk).update(goal=100)
    for number in range(5):
        Dataset.objects.create(slug=f"other-{number}", title=f"Other {number}")
        Rig.objects.create(name=f"rig-{number}")
    return [make_episode(verdict="unreviewed", task=f"task {number % 3}") for number in range(40)]


def check(act: str, counts: Counts) -> None:
    """Fail, with the queries, if the act cost more than its budget."""
    cost = {"queries": counts["queries"], "fsyncs": counts["fsyncs"]}
    cost["messages"] = counts["layer"] + counts["sent"] + counts["received"]
    assert exceeded(act, cost) == {}, "\n".join(counts.sql)


@pytest.mark.parametrize(
    ("act", "path"),
    [
        ("home page", "/"),
        ("dataset page", "/datasets/cubes/"),
        ("wall, first page", "/datasets/cubes/wall/?view=review"),
        ("wall, next page", "/datasets/cubes/cards/?view=review&after={take}"),
        ("episode page", "/episodes/{take}/?list=review"),
        ("frame of a take", f"/media/{{take}}/frame/{FRONT}/3.jpg"),
        ("filmstrip, again", f"/media/{{take}}/strip/{FRONT}.jpg"),
        ("sign-in page", "/sign-in/"),
    ],
)
def test_what_is_opened_costs_no_more_than_its_budget(
    browser: Browser, takes: list[Episode], act: str, path: str
) -> None:
    path = path.format(take=takes[0].pk)
    browser.ask("GET", path)
    with counting() as counts:
        browser.ask("GET", path)
    check(act, counts)


def test_a_page_costs_the_same_with_more_takes(browser: Browser, takes: list[Episode], make_episode: Any) -> None:
    pages = ["/", "/datasets/cubes/", f"/episodes/{takes[0].pk}/?list=review", "/datasets/cubes/wall/?view=review"]

    def queries(page: str) -> int:
        browser.ask("GET", page)
        with counting() as counts:
            browser.ask("GET", page)
        return counts["queries"]

    before = [queries(page) for page in pages]
    for number in range(20):
        make_episode(4, verdict="unreviewed", task=f"another {number}")
    assert [queries(page) for page in pages] == before


def test_a_first_filmstrip_costs_no_more_than_its_budget(browser: Browser, takes: list[Episode]) -> None:
    with counting() as counts:
        browser.ask("GET", f"/media/{takes[1].pk}/strip/{FRONT}.jpg")
    check("filmstrip, cold", counts)


def test_a_committed_frame_costs_no_more_than_its_budget(
    browser: Browser, cubes: Dataset, make_episode: MakeEpisode
) -> None:
    episode = make_episode()
    encode_and_commit(start_encoding(dataset=cubes, actor=Actor("olga")))
    for n in range(2):
        with counting() as counts:
            browser.ask("GET", f"/media/{episode.pk}/frame/{FRONT}/{n}.jpg")
    check("frame of an H.264 episode", counts)


def test_a_verdict_and_its_undo_cost_no_more_than_their_budgets(browser: Browser, takes: list[Episode]) -> None:
    for verdict in ("reject", "keep"):
        with counting() as counts:
            browser.ask("PATCH", f"/api/episodes/{takes[0].pk}", {"verdict": verdict})
        check("verdict", counts)
    with counting() as counts:
        browser.ask("POST", "/api/undo", {})
    check("undo", counts)


def test_a_verdict_that_is_there_already_writes_nothing(browser: Browser, takes: list[Episode]) -> None:
    for _ in range(2):
        with counting() as counts:
            browser.ask("PATCH", f"/api/episodes/{takes[0].pk}", {"verdict": "reject"})
    assert counts["fsyncs"] == 0
    assert [sql for sql in counts.sql if not sql.startswith("SELECT")] == []


def test_an_operation_costs_no_more_than_its_budget(browser: Browser, takes: list[Episode]) -> None:
    body = {"episodes": [str(takes[0].pk)], "include_unreviewed": True}
    with counting() as counts:
        browser.ask("POST", "/api/datasets/cubes/encode", body)
    check("operation queued", counts)
    with counting() as counts:
        encode_and_commit(Operation.objects.get())
    check("take encoded and committed", counts)


async def test_a_take_costs_no_more_than_its_budget_to_begin_and_stop(browser: Browser, cubes: Dataset) -> None:
    rig = await connected_rig()
    answers = asyncio.create_task(answer_commands(rig))
    body = {"dataset": cubes.slug, "task": "push", "countdown_s": 0}
    for _ in range(2):  # the first one begins the session
        with counting() as counts:
            await browser.ask_async("POST", "/api/rigs/arm/record", body)
            await browser.ask_async("POST", "/api/rigs/arm/commands/stop", {})
    answers.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await answers
    await rig.send_input({"type": "websocket.disconnect", "code": 1000})
    await rig.wait(WITHIN_S)
    check("take begun and stopped", counts)


def encode_and_commit(operation: Operation) -> None:
    """Do what the workers would do."""
    for pk in Job.objects.waiting().filter(operation=operation).values_list("pk", flat=True):
        encode.run_job(pk)
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "done", operation.error


async def connected_rig() -> ApplicationCommunicator:
    """Return a rig's socket after hello and welcome."""
    headers = [(b"authorization", f"Bearer {settings.RIG_TOKEN}".encode())]
    scope = {"type": "websocket", "path": "/ws/rig/", "headers": headers, "subprotocols": []}
    rig = ApplicationCommunicator(RigConsumer.as_asgi(), scope)
    await rig.send_input({"type": "websocket.connect"})
    assert (await rig.receive_output(WITHIN_S))["type"] == "websocket.accept"
    about = {"name": "arm", "robot_type": "arm", "fps": 30, "features": {}, "cameras": []}
    status = {"type": "status", "state": "idle", "since": 1_790_000_000.0, "controls": ["record", "stop"]}
    await say(rig, {"type": "hello", "protocol": 1, "rig": about, "status": status, "takes": []})
    assert (await hear(rig))["type"] == "welcome"
    return rig


async def answer_commands(rig: ApplicationCommunicator) -> None:
    """Say yes to every command."""
    while True:
        message = await hear(rig)
        if message["type"] == "command":
            await say(rig, {"type": "reply", "id": message["id"], "ok": True})


async def say(rig: ApplicationCommunicator, message: dict[str, Any]) -> None:
    await rig.send_input({"type": "websocket.receive", "text": json.dumps({**message, "v": 1})})


async def hear(rig: ApplicationCommunicator) -> dict[str, Any]:
    return dict(json.loads((await rig.receive_output(WITHIN_S))["text"]))
