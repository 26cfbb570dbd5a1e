"""Django's sessions and users from the database, read with SQL that is made once (see `one_row`).

Every request is still checked against the database, so signing out or blocking a user counts at once.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from django.contrib.auth import get_user, get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends import db
from django.utils import timezone

from robotdata.one_row import OneRow


class SessionStore(db.SessionStore):
    """A session in Django's own table."""

    def load(self) -> dict[str, Any]:
        """Return the session's data; nothing for a session that does not exist or has expired."""
        row = _SESSION.values(self.session_key)
        if row is None or row[1] <= timezone.now():
            self._session_key = None
            return {}
        return self.decode(row[0])


_SESSION = OneRow(SessionStore.get_model_class, ("session_data", "expire_date"))
_USER = OneRow(get_user_model)


class UserBackend(ModelBackend):
    """Django's users with their passwords."""

    def get_user(self, user_id: Any) -> Any:
        """Return the user who may sign in; None if there is no such user or the user is blocked."""
        row = _USER.get(user_id)
        user = None if row is None else row[0]
        return user if self.user_can_authenticate(user) else None


def is_signed_in(session_key: str) -> bool:
    """Return whether the session is that of a user who may sign in, as Django's own middleware decides."""
    return bool(get_user(SimpleNamespace(session=SessionStore(session_key))).is_authenticated)  # type: ignore[arg-type]
