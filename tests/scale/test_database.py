from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.recorder.conftest import FRONT, TOP, write_take
from tests.recorder.sockets.conftest import Web, make_home
from tests.scale.conftest import ROOT, Place
from tests.support import programs
from tests.support.servers import Postgres

JOBS = 250  # four claim each: a thousand claims
SEED = f"""
import django
django.setup()
from recorder.models import Dataset, Episode, Job, Operation
dataset = Dataset.objects.create(slug="race", title="Race")
operation = Operation.objects.create(type="encode", dataset=dataset)
episode = Episode.objects.create(dataset=dataset, task="push", state="encoding")
Job.objects.bulk_create(Job(operation=operation, episode=episode, camera=str(n)) for n in range({JOBS}))
"""
WAITS = """
import os
os.environ["ROBOTDATA_DB_WAIT_S"] = "1"
import django
django.setup()
from django.db import OperationalError, transaction
from recorder.errors import database_message
from recorder.models import Dataset
try:
    with transaction.atomic():
        Dataset.objects.select_for_update().get()
except OperationalError as error:
    print(f"({error.__cause__.sqlstate})", database_message(error))
"""
LATE = """
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
import django
django.setup()
from django.db import transaction
from recorder.live import change_feed
from recorder.models import Dataset, Rig
change_feed.OVERLAP = timedelta()  # a transaction that takes longer than that, without a wait
poller = change_feed.ChangePoller()
with ThreadPoolExecutor(1) as another, transaction.atomic():
    list(Dataset.objects.select_for_update())
    Dataset.objects.create(slug="late", title="Late")
    another.submit(Rig.objects.create, name="newer").result()
    first = another.submit(poller.poll).result()
with ThreadPoolExecutor(1) as another:
    polls = [first, *(another.submit(poller.poll).result() for _ in range(2))]
print([[row["id"] for row in changes] for changes in polls])
"""
ODD = "grip\x00per \ud83d slipped 🦾"
SAID = "grip\ufffdper \ufffd slipped 🦾"


@pytest.fixture(scope="module")
def web(place: Place) -> Iterator[Web]:
    """One web process on PostgreSQL, without Redis; its start brings the tables."""
    server = Web(place.home, make_home(place.home, **place.env), **place.env).start()
    yield server
    server.stop()


def rows(postgres: Postgres, place: Place, query: str) -> list[Any]:
    with postgres.connect(place.env["DATABASE_URL"].rpartition("/")[2]) as connection:
        return connection.execute(query).fetchall()


def test_it_has_every_table_as_the_models_say(web: Web, place: Place) -> None:
    assert "No changes detected" in place.python("manage.py", "makemigrations", "--check", "--dry-run")


def test_it_gives_each_job_to_one_of_two_workers_in_a_thousand_claims(
    web: Web, place: Place, postgres: Postgres
) -> None:
    place.python("-c", SEED)
    command = [sys.executable, str(ROOT / "tests/scale/claim_jobs.py")]
    env = {**place.all_env(), "PYTHONPATH": str(ROOT)}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": env}
    workers = [programs.Popen(command, cwd=ROOT, **pipes) for _ in range(2)]
    for worker in workers:
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    said = []
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        said += json.loads(worker.communicate(timeout=120)[0])
    assert sorted(pk for claimed in said for pk in claimed) == [
        pk for (pk,) in rows(postgres, place, "select id from recorder_job order by id")
    ]
    assert rows(postgres, place, "select state, attempt, count(*) from recorder_job group by 1, 2") == [
        ("running", 1, JOBS)
    ]
    assert rows(postgres, place, "select count(distinct token) from recorder_job") == [(JOBS,)]
    assert rows(postgres, place, "select state from recorder_operation") == [("encoding",)]
    with postgres.connect(place.env["DATABASE_URL"].rpartition("/")[2]) as connection:
        connection.execute("truncate recorder_dataset cascade")


@pytest.mark.parametrize("script", ["fail_and_cancel", "judge_and_encode"])
def test_two_who_change_the_same_many_never_wait_for_each_other(
    web: Web, place: Place, postgres: Postgres, script: str
) -> None:
    """All jobs of an episode, or all takes of a batch: in another order each would hold what the other wants."""
    env = {**place.all_env(), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / f"tests/scale/{script}.py")]
    done = programs.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == []
    with postgres.connect(place.env["DATABASE_URL"].rpartition("/")[2]) as connection:
        connection.execute("truncate recorder_dataset cascade")


def test_nobody_waits_for_ever_for_a_row_that_another_holds(web: Web, place: Place, postgres: Postgres) -> None:
    assert web.api("POST", "/datasets", {"title": "Held"})[0] == 201
    with postgres.connect(place.env["DATABASE_URL"].rpartition("/")[2]) as other, other.transaction():
        other.execute("select id from recorder_dataset for update")
        assert "(55P03) The database is unavailable" in place.python("-c", WAITS)
    with postgres.connect(place.env["DATABASE_URL"].rpartition("/")[2]) as connection:
        connection.execute("truncate recorder_dataset cascade")


def test_pages_hear_of_rows_that_a_long_transaction_wrote(web: Web, place: Place) -> None:
    """A newer row, which another transaction wrote meanwhile, was told of before they were visible."""
    assert place.python("-c", LATE).splitlines()[-1] == "[['newer'], ['late'], []]"


def test_it_recovers_and_rebuilds(web: Web, place: Place, postgres: Postgres) -> None:
    spool = place.home / "spool"
    whole, cut, odd = (str(uuid.uuid4()) for _ in range(3))
    write_take(spool / whole, number=1, ticks=9, cameras=(FRONT, TOP))
    write_take(spool / cut, number=2, ticks=9, cameras=(FRONT,), state="recording")
    write_take(spool / odd, number=3, ticks=9, cameras=())
    manifest = json.loads((spool / odd / "take.json").read_text())
    manifest["marks"] = [{"code": "lost", "camera": None, "from_tick": 0, "to_tick": 1, "text": ODD}]
    manifest["curation"] |= {"note": ODD}
    (spool / odd / "take.json").write_text(json.dumps({**manifest, "operator": ODD}))
    said = place.python("manage.py", "recover")
    assert "3 takes in the spool: 3 usable, 1 closed as interrupted, 3 new to the database" in said
    assert "0 new to the database" in place.python("manage.py", "recover")
    query = "select id::text, state, ticks, operator, note from recorder_episode where ticks > 0 order by recorded_at"
    before = rows(postgres, place, query)
    assert {(pk, state) for pk, state, *_ in before} == {
        (whole, "recorded"),
        (cut, "interrupted"),
        (odd, "recorded"),
    }
    assert next(row[3:] for row in before if row[0] == odd) == (SAID, SAID)
    assert "3 takes in the spool: 3 usable" in place.python("manage.py", "rebuild")
    assert rows(postgres, place, query) == before
    assert web.api("GET", f"/episodes/{odd}")[1]["marks"][0]["text"].startswith("grip\ufffdper")


async def test_it_keeps_whatever_words_a_rig_says(web: Web, fake_rig: Any, listen: Any) -> None:
    rig = fake_rig(web, "poet")
    hello, take = rig.hello(), str(uuid.uuid4())
    hello["rig"] |= {"robot_type": ODD, "host": ODD}
    hello["rig"]["features"]["action"]["names"] = [ODD, "b.pos"]
    hello["status"]["message"] = ODD
    rig.hello = lambda: hello
    told = {"id": take, "state": "recorded", "ticks": 30, "dataset": "poems", "task": ODD, "fps": 30, "rig": "poet"}
    async with rig.running(), web.browser("/ws/live/poet/") as ws:
        assert rig.first["type"] == "welcome"
        await rig.say({**rig.status(), "message": ODD, "warnings": [{"code": "odd", "text": ODD}]})
        await listen.words(ws, lambda m: [w["text"] for w in m.get("warnings", ())] == [SAID])
        marks = [{"code": "odd", "text": ODD}]
        await rig.say({"type": "take", "event": "saved", "take": {**told, "operator": ODD, "marks": marks}})
        async with asyncio.timeout(60):
            while (answer := await web.ask("GET", f"/episodes/{take}"))[0] != 200:
                await asyncio.sleep(0.05)
        assert (answer[1]["task"], answer[1]["operator"], answer[1]["marks"][0]["text"]) == (SAID, SAID, SAID)
        status, shown = await web.ask("GET", "/rigs/poet")
        assert (status, shown["robot_type"]) == (200, SAID) and shown["online"]


def visit(web: Web, path: str) -> int:
    """The status of a page, for a person who is signed in."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    connection.request("GET", path, headers={"Cookie": web.cookie})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(
    "path",
    [
        "/record/%00/",
        "/datasets/a%00b/",
        "/datasets/?q=%00",
        "/admin/recorder/episode/?q=%00",
        "/admin/recorder/job/?state__exact=%00",
        "/api/datasets/%00",
        "/api/rigs/%00",
        "/api/episodes?task=%00",
        f"/media/{uuid.UUID(int=0)}/frame/%00/0.jpg",
    ],
)
def test_it_answers_an_address_with_a_nul(web: Web, path: str) -> None:
    assert 400 <= visit(web, path) < 500


async def test_it_goes_on_where_postgresql_was_restarted(
    web: Web, postgres: Postgres, fake_rig: Any, listen: Any
) -> None:
    rig = fake_rig(web, "patient")
    async with web.browser("/ws/events/") as ws, rig.running():
        await listen.words(ws, lambda m: m.get("rig") == "patient" and m["state"] == "idle")
        await asyncio.to_thread(postgres.stop)
        status, answer = await web.ask("GET", "/datasets")
        assert status == 503, answer
        assert (await asyncio.to_thread(visit, web, "/datasets/")) == 503
        rig.state = "recording"
        await rig.say(rig.status())
        await asyncio.sleep(0.5)
        await asyncio.to_thread(postgres.start)
        await listen.words(ws, lambda m: m["type"] == "refresh" or m.get("state") == "recording")
        await rig.is_shown("recording")
    assert web.api("GET", "/datasets")[0] == 200
