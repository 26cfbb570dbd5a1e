"""A body that is a form, whole or broken, where JSON belongs: refused in words, and no error of the server."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

pytestmark = pytest.mark.django_db
FORM = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nCups\r\n--x--\r\n'
BODIES = [
    ("multipart/form-data; boundary=x", FORM),
    ("multipart/form-data; boundary=x", FORM[:20]),
    ("multipart/form-data", FORM),
    ("multipart/form-data; boundary=" + "y" * 500, FORM),
    ("application/x-www-form-urlencoded", b"a=1&" * 2000),
    ("application/x-www-form-urlencoded", b"title=Cups"),
]


@pytest.fixture
def browser() -> Client:
    """A signed-in page, whose header is checked as a real server checks it."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(User.objects.create_superuser("olga"))
    return client


@pytest.mark.parametrize(("kind", "body"), BODIES)
@override_settings(DATA_UPLOAD_MAX_NUMBER_FIELDS=1000)
def test_a_form_where_json_belongs_is_refused_in_words(browser: Client, kind: str, body: bytes) -> None:
    browser.get("/keys/")  # a page that sets the cookie
    token = next(cookie.value for name, cookie in browser.cookies.items() if "csrf" in name)
    for path, status in (("/api/datasets", 400), ("/keys/", 422)):
        answer = browser.post(path, body, content_type=kind, headers={"X-CSRFToken": token})
        assert answer.status_code in (400, status), (path, answer.status_code, answer.content)
        assert path == "/keys/" or "not JSON" in answer.json()["error"]["message"]


def test_a_stranger_with_a_broken_form_is_a_stranger() -> None:
    stranger = Client(enforce_csrf_checks=True, raise_request_exception=False)
    answer = stranger.post("/api/datasets", FORM, content_type="multipart/form-data")
    assert answer.status_code in (400, 401, 403)
