"""Authenticate API requests: a signed-in session with its CSRF token, or a bearer token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer, SessionAuth

from recorder.actor import Actor, ActorKind, browser_of_session
from recorder.models import ApiToken
from recorder.models.access import digest

_RECORD_USE_EVERY = timedelta(minutes=1)


def user_of_token(secret: str, *, record_use: bool = True) -> AbstractBaseUser | None:
    """Return the user of this token, or None; record when it was last used, to the minute, if `record_use`."""
    token = ApiToken.objects.select_related("user").filter(digest=digest(secret)).first()
    if token is None or not token.user.is_active:
        return None
    now = timezone.now()
    if record_use and (token.last_used_at is None or now - token.last_used_at > _RECORD_USE_EVERY):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token.user


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
