"""One's own account: a password is set, and every other browser is signed out."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db
NEW = "a quiet red cube"


@pytest.fixture
def olga() -> User:
    user: User = User.objects.create_superuser("olga")
    user.set_unusable_password()
    user.save()
    return user


@pytest.fixture
def here(olga: User) -> Client:
    client = Client()
    client.force_login(olga, backend="robotdata.sessions.UserBackend")
    return client


@pytest.fixture
def there(olga: User) -> Client:
    client = Client()
    client.force_login(olga, backend="robotdata.sessions.UserBackend")
    return client


def set_password(client: Client, **fields: str) -> int:
    return client.post("/account/", fields).status_code


def test_a_first_password_needs_no_other(here: Client, there: Client) -> None:
    assert set_password(here, new_password1=NEW, new_password2=NEW) == 200
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302  # signed out
    assert Client().post("/sign-in/", {"username": "olga", "password": NEW}).status_code == 302


@pytest.mark.parametrize(
    ("first", "second"), [(NEW, "something else"), ("cube7", "cube7"), ("qwertyuiop", "qwertyuiop")]
)
def test_a_bad_password_is_refused_beside_its_field(here: Client, olga: User, first: str, second: str) -> None:
    answer = here.post("/account/", {"new_password1": first, "new_password2": second})
    assert answer.status_code == 422
    assert "aria-invalid" in answer.text and first not in answer.text
    olga.refresh_from_db()
    assert not olga.has_usable_password()


def test_a_change_needs_the_present_password_and_has_few_tries(here: Client) -> None:
    set_password(here, new_password1=NEW, new_password2=NEW)
    fields = {"new_password1": f"{NEW} 2", "new_password2": f"{NEW} 2"}
    answers = [set_password(here, old_password="wrong", **fields) for _ in range(21)]
    assert answers == [422] * 20 + [429]
    assert set_password(here, old_password=NEW, **fields) == 429


def test_the_present_password_changes_it(here: Client) -> None:
    set_password(here, new_password1=NEW, new_password2=NEW)
    assert set_password(here, old_password=NEW, new_password1=f"{NEW} 2", new_password2=f"{NEW} 2") == 200
    assert Client().post("/sign-in/", {"username": "olga", "password": NEW}).status_code == 403


def test_everywhere_means_this_account_in_all_browsers(here: Client, there: Client) -> None:
    other = Client()
    other.force_login(User.objects.create_user("ben"), backend="robotdata.sessions.UserBackend")
    assert here.get("/account/sign-out-everywhere/").status_code == 405
    here.post("/account/sign-out-everywhere/")
    assert [client.get("/").status_code for client in (here, there, other)] == [302, 302, 200]


def test_a_stranger_has_no_account_page(db: None) -> None:
    assert Client().get("/account/").status_code == 302
