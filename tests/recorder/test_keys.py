"""Keys that people choose: kept for the person, printed into every page, and nothing else is kept."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

pytestmark = pytest.mark.django_db


def sign_in(name: str) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.get_or_create(username=name)[0])
    return client


def choose(client: Client, keys: Any) -> int:
    return client.post("/keys/", json.dumps({"keys": keys}), content_type="application/json").status_code


def told(client: Client) -> dict[str, str]:
    found = re.search(r'<meta name="keys" content="([^"]*)">', client.get("/").text)
    return json.loads(found[1].replace("&quot;", '"').replace("&#x27;", "'")) if found else {}


def test_it_keeps_the_keys_of_each_person() -> None:
    olga, ben = sign_in("olga"), sign_in("ben")
    assert choose(olga, {"k": "PageDown", " ": "b"}) == 200
    assert told(olga) == told(sign_in("olga")) == {"k": "PageDown", " ": "b"}
    assert told(ben) == {}
    assert choose(olga, {}) == 200
    assert told(olga) == {}


@pytest.mark.parametrize(
    "keys", [{"k": "x", "r": "x"}, {"k": ""}, {"k": 3}, {"k": "x" * 99}, [1], {f"k{n}": f"v{n}" for n in range(99)}]
)
def test_it_refuses_what_are_no_keys(keys: Any) -> None:
    olga = sign_in("olga")
    assert choose(olga, keys) == 422
    assert told(olga) == {}


def test_it_asks_a_stranger_to_sign_in(client: Client) -> None:
    assert choose(client, {"k": "x"}) == 302
    assert client.get("/keys/").status_code == 302
