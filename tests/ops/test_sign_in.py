"""Coming in: the printed link works once, guessing is slowed, and nothing is open without it."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import Client

from recorder.embedded import ensure_operator
from recorder.models import SignInCode

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_count() -> None:
    """Nobody has tried yet."""
    cache.clear()


def test_it_signs_in_with_the_printed_link_and_drops_the_code_from_the_address(client: Client) -> None:
    reply = client.get(f"/sign-in/?code={SignInCode.issue()}")
    assert (reply.status_code, reply["Location"]) == (302, "/")
    assert client.session["_auth_user_id"]


def test_it_takes_a_link_once(client: Client) -> None:
    code = SignInCode.issue()
    client.get(f"/sign-in/?code={code}")
    reply = Client().get(f"/sign-in/?code={code}")
    assert reply.status_code == 403
    assert b"used already" in reply.content


def test_it_refuses_a_link_that_has_run_out(client: Client) -> None:
    assert client.get(f"/sign-in/?code={SignInCode.issue(minutes=-1)}").status_code == 403


def test_it_slows_down_who_guesses(client: Client) -> None:
    replies = [client.get(f"/sign-in/?code=guess{n}").status_code for n in range(12)]
    assert replies[:10] == [403] * 10
    assert replies[10:] == [429, 429]


def test_it_signs_in_with_name_and_password(client: Client) -> None:
    get_user_model().objects.create_user("olga", password="long-and-odd-9")
    reply = client.post("/sign-in/", {"username": "olga", "password": "long-and-odd-9"})
    assert reply.status_code == 302


def test_it_sends_nobody_to_a_foreign_page(client: Client) -> None:
    reply = client.get(f"/sign-in/?code={SignInCode.issue()}&next=https://elsewhere.example/")
    assert reply["Location"] == "/"


def test_it_makes_the_operator_once(client: Client) -> None:
    assert ensure_operator() == ensure_operator()
    assert not get_user_model().objects.get().has_usable_password()


@pytest.mark.parametrize("address", ["/", "/datasets/", "/trash/", "/admin/", "/media/x/signals.bin"])
def test_it_shows_a_stranger_nothing(client: Client, address: str) -> None:
    assert client.get(address).status_code in {302, 401, 404}


def test_it_answers_the_health_check_without_a_session(client: Client) -> None:
    assert client.get("/healthz").json() == {"ok": True}
