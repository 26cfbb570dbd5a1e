"""Django's sessions and users from the database, read with SQL that is made once (see `one_row`).

Every request is still checked against the database, so signing out or blocking a user counts at once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends import db
from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from robotdata.one_row import OneRow


class SessionStore(db.SessionStore):
    """A session in Django's own table."""

    def load(self) -> dict[str, Any]:
        """Return the session's data; nothing for a session that does not exist or has expired."""
        row = _SESSION.get(self.session_key)
        if row is None or row[1] <= timezone.now():
            self._session_key = None
            return {}
        return self.decode(row[0])


_SESSION = OneRow(SessionStore.get_model_class, lambda: ("session_data", "expire_date"))


def _user_columns() -> list[str]:
    return [field.attname for field in get_user_model()._meta.concrete_fields]


_USER = OneRow(get_user_model, _user_columns)


class UserBackend(ModelBackend):
    """Django's users with their passwords."""

    def get_user(self, user_id: Any) -> Any:
        """Return the user who may sign in; None if there is no such user or the user is blocked."""
        row = _USER.get(user_id)
        user = None if row is None else get_user_model().from_db(DEFAULT_DB_ALIAS, _user_columns(), row)
        return user if self.user_can_authenticate(user) else None


_PASSWORD = OneRow(get_user_model, lambda: ("password", "is_active"))


def is_signed_in(session_key: str) -> bool:
    """Return whether the session is that of a user who may sign in, as Django's middleware would find.

    A session that only an earlier secret key verifies counts as signed out here; Django's middleware renews it.
    """
    row = _SESSION.get(session_key)
    if row is None or row[1] <= timezone.now():
        return False
    user_id, backend, session_hash = _identity(row[0])
    if backend not in settings.AUTHENTICATION_BACKENDS or not session_hash:
        return False
    user = _PASSWORD.get(user_id)
    return user is not None and user[1] and constant_time_compare(session_hash, _hash_of(user[0]))


@lru_cache(256)
def _identity(session_data: str) -> tuple[str, str, str]:
    """Return user, backend and hash of a session's signed data; empty where it has none."""
    session = SessionStore().decode(session_data)
    return session.get(SESSION_KEY, ""), session.get(BACKEND_SESSION_KEY, ""), session.get(HASH_SESSION_KEY, "")


@lru_cache(256)
def _hash_of(password: str) -> str:
    """Return the hash that the sessions of a user with this (hashed) password carry."""
    return str(get_user_model()(password=password).get_session_auth_hash())
