"""Nonsense in numbers: nothing breaks, nothing leaks. The draws are the same at every run."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recorder.models import Episode
from tests.support.player_page import watching
from tests.viewer.conftest import FRONT, MakeTake
from viewer.consumers import parse_message
from viewer.errors import BadRequest
from viewer.sources import SourceCache
from viewer.take_source import TakeSource

ODD = [
    "",
    "0",
    "-1",
    "NaN",
    "1e9",
    "..",
    "../..",
    "/etc/passwd",
    "\0",
    "~",
    "é",
    "💥",
    "%2e%2e",
    "\\",
    FRONT,
    "x" * 300,
]


def test_it_never_fails_at_an_address(client: Client, olga: User, make_episode: Callable[..., Episode]) -> None:
    client.force_login(olga)
    draw, pk = random.Random(7), make_episode(3).pk
    for _ in range(150):
        camera, n, value = (quote(draw.choice(ODD), safe=draw.choice(["", "/%"])) for _ in range(3))
        what = draw.choice([f"frame/{camera}/{n}.jpg", f"strip/{camera}.jpg", f"video/{camera}.mp4", f"{camera}/{n}"])
        query = draw.choice([f"height={value}", f"count={value}&height={n}", f"v={value}", value])
        answer = client.get(f"/media/{draw.choice([pk, uuid.UUID(int=0), camera])}/{what}?{query}")
        assert answer.status_code < 500, what
        if answer.status_code >= 400:
            assert answer.json()["error"]["message"]


async def test_it_never_fails_at_a_message(make_take: MakeTake) -> None:
    draw, source = random.Random(7), TakeSource(make_take(5))
    values: list[Any] = [
        None,
        True,
        -1,
        0,
        4,
        1e300,
        2**70,
        "x",
        [],
        [FRONT],
        {},
        0.5,
        "seek",
        "play",
        "ack",
        "cameras",
    ]
    names = ["op", "frame", "seq", "rate", "loop", "keys", "height"]
    async with watching(source) as page:
        for _ in range(2000):
            message = {name: draw.choice(values) for name in draw.sample(names, draw.randint(0, 7))}
            message["op"] = draw.choice(["seek", "play", "pause", "ack", "cameras", None])
            try:
                page.player.handle(parse_message(json.dumps(message)))
            except BadRequest as error:
                assert "write" in str(error)
        page.ask(op="cameras", keys=[FRONT], height=None)
        page.ask(op="seek", frame=3, seq=77)
        await page.until(lambda: page.bundles and page.bundles[-1][1:3] == (77, 3))
    source.close()


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
def test_it_holds_few_files_open_however_many_takes_are_looked_at(make_take: MakeTake) -> None:
    cache, before = SourceCache(8), open_files()
    for _ in range(40):
        folder = make_take(2)
        with cache.lease(folder.name, 0, lambda folder=folder: TakeSource(folder)) as source:
            source.jpeg(FRONT, 1)
    assert open_files() - before <= 8 * 2
    cache.clear()
    assert open_files() == before
