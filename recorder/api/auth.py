"""Authenticate API requests: a signed-in session with its CSRF token, or a bearer token."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.security import HttpBearer, SessionAuth

from recorder.actor import Actor, ActorKind, browser_of_session
from recorder.models.access import user_of_token


class TokenAuth(HttpBearer):
    """Authenticate by `Authorization: Bearer <token>`."""

    record_use = True

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """Return the token's user and set `request.user`; None for an unknown token."""
        user = user_of_token(token, record_use=self.record_use)
        if user is not None:
            request.user = user  # type: ignore[assignment]
        return user


class QuickTokenAuth(TokenAuth):
    """As TokenAuth, but only reads: whoever holds the database does not delay it."""

    record_use = False


ACCESS = [TokenAuth(), SessionAuth()]
QUICK_ACCESS = [QuickTokenAuth(), SessionAuth()]


def actor_of(request: HttpRequest) -> Actor:
    """Return the actor of a request: a person in a browser, or a program with a token, which has no session."""
    user, key = request.user, request.session.session_key
    kind = ActorKind.PERSON if key else ActorKind.PROGRAM
    return Actor(user.get_username(), kind, browser_of_session(key), user.pk)
