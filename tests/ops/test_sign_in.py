"""Coming in: the printed link works once, guessing is slowed, and nothing is open without it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from recorder.models import SignInCode, SignInTries
from recorder.models.access import ensure_operator

pytestmark = pytest.mark.django_db


def test_it_signs_in_with_the_printed_link_and_drops_the_code_from_the_address(client: Client) -> None:
    reply = client.get(f"/sign-in/?code={SignInCode.issue()}")
    assert (reply.status_code, reply["Location"]) == (302, "/")
    assert client.session["_auth_user_id"]


def test_it_takes_a_link_once(client: Client) -> None:
    code = SignInCode.issue()
    client.get(f"/sign-in/?code={code}")
    reply = Client().get(f"/sign-in/?code={code}")
    assert reply.status_code == 403
    assert b"has been used" in reply.content


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


def test_it_leads_home_who_opens_the_link_again_while_signed_in(client: Client) -> None:
    link = f"/sign-in/?code={SignInCode.issue()}"
    client.get(link)
    reply = client.get(f"{link}&next=/datasets/")
    assert (reply.status_code, reply["Location"]) == (302, "/datasets/")
    assert client.get("/").status_code == 200


def test_it_counts_the_admin_and_the_form_together(client: Client) -> None:
    get_user_model().objects.create_superuser("root", password="long-and-odd-9")
    reply = client.post("/admin/login/?next=/admin/", {"username": "root", "password": "long-and-odd-9"})
    assert reply.status_code == 302 and reply["Location"].startswith("/sign-in/")
    assert "_auth_user_id" not in client.session
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/sign-in/?next=%2Fadmin%2F"
    reply = client.post("/sign-in/", {"username": "root", "password": "long-and-odd-9", "next": "/admin/"})
    assert reply["Location"] == "/admin/" and client.get("/admin/").status_code == 200


def test_it_slows_down_who_guesses_one_account_from_many_addresses(client: Client) -> None:
    get_user_model().objects.create_user("olga", password="long-and-odd-9")

    def tried(n: int, name: str = "olga", password: str = "wrong") -> int:
        return client.post("/sign-in/", {"username": name, "password": password}, REMOTE_ADDR=f"10.0.0.{n}").status_code

    replies = [tried(n) for n in range(22)]
    assert replies == [403] * 20 + [429] * 2
    assert tried(99, "OLGA") == 429  # one account, however it is written
    assert tried(99, "olga", "long-and-odd-9") == 429
    assert tried(99, "other") == 403
    assert client.get(f"/sign-in/?code={SignInCode.issue()}", REMOTE_ADDR="10.0.0.99").status_code == 302


def test_it_does_not_count_who_is_right(client: Client) -> None:
    get_user_model().objects.create_user("olga", password="long-and-odd-9")
    right = {"username": "olga", "password": "long-and-odd-9"}
    assert [Client().post("/sign-in/", right).status_code for _ in range(25)] == [302] * 25


def test_it_counts_a_network_of_version_6_as_one(client: Client) -> None:
    replies = [client.get("/sign-in/?code=x", REMOTE_ADDR=f"2001:db8::{n:x}").status_code for n in range(12)]
    assert replies[10:] == [429, 429]
    assert client.get("/sign-in/?code=x", REMOTE_ADDR="2001:db8:0:1::1").status_code == 403


def test_it_believes_no_header_about_the_address(client: Client) -> None:
    replies = [client.get("/sign-in/?code=x", HTTP_X_FORWARDED_FOR=f"10.9.8.{n}").status_code for n in range(12)]
    assert replies[10:] == [429, 429]


def test_its_count_is_in_the_database_and_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SignInTries, "MOST_ROWS", 5)
    replies = [client.get("/sign-in/?code=x", REMOTE_ADDR=f"10.0.0.{n}").status_code for n in range(8)]
    assert replies == [403] * 5 + [429] * 3 and SignInTries.objects.count() == 5
    SignInTries.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert client.get("/sign-in/?code=x").status_code == 403 and SignInTries.objects.count() == 1
