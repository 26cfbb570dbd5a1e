"""Keys that people choose: kept for the person, printed into every page, and nothing else is kept."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from recorder.models import Rig

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


def test_it_keeps_the_keys_of_the_record_page_beside_the_others() -> None:
    olga = sign_in("olga")
    Rig.objects.create(name="arm")

    def post(body: dict[str, Any]) -> int:
        return olga.post("/keys/", json.dumps(body), content_type="application/json").status_code

    assert choose(olga, {"k": "x"}) == post({"record": "lerobot"}) == 200
    assert told(olga) == {"k": "x"} and 'data-keys="lerobot"' in olga.get("/record/arm/").text
    assert 'data-keys=""' in sign_in("ben").get("/record/arm/").text
    assert post({"record": "vim"}) == 422
    assert choose(olga, {}) == 200
    assert 'data-keys="lerobot"' in olga.get("/record/arm/").text
