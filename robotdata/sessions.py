"""Django's sessions and users from the database, read with SQL that is made once (see `one_row`).

Every request is still checked against the database, so signing out or blocking a user counts at once.
"""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any

from django.contrib.auth import get_user, get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends import db
from django.utils import timezone

from robotdata.one_row import OneRow


class SessionStore(db.SessionStore):
    """A session in Django's own table. `expires_at` is known once it was loaded."""

    expires_at: datetime | None = None

    def load(self) -> dict[str, Any]:
        """Return the session's data; nothing for a session that does not exist or has expired."""
        key = self.session_key or ""
        # A cookie may hold a NUL, for which PostgreSQL cannot even look. Django's own keys are letters and digits.
        row = _SESSION.values(key) if key.isascii() and key.isalnum() else None
        if row is None or row[1] <= timezone.now():
            self._session_key = None
            return {}
        self.expires_at = row[1]
        return self.decode(row[0])

    def _validate_session_key(self, key: str) -> bool:
        """Return whether it may be a key. Django also takes texts with NUL, for which PostgreSQL cannot even look."""
        valid = super()._validate_session_key(key)  # type: ignore[misc]  # django-stubs lacks it
        return bool(valid) and key.isascii() and key.isalnum()


_SESSION = OneRow(SessionStore.get_model_class, ("session_data", "expire_date"))
_USER = OneRow(get_user_model)


class UserBackend(ModelBackend):
    """Django's users with their passwords."""

    def get_user(self, user_id: Any) -> Any:
        """Return the user who may sign in; None if there is no such user or the user is blocked."""
        row = _USER.get(user_id)
        user = None if row is None else row[0]
        return user if self.user_can_authenticate(user) else None


def signed_in_until(session_key: str) -> datetime | None:
    """Return when the session of a user who may sign in ends; None if it is not one, as Django's middleware decides."""
    session = SessionStore(session_key)
    user = get_user(SimpleNamespace(session=session))  # type: ignore[arg-type]
    return session.expires_at if user.is_authenticated else None


def is_signed_in(session_key: str) -> bool:
    """Return whether the session is that of a user who may sign in, as Django's own middleware decides."""
    return signed_in_until(session_key) is not None
