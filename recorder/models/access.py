"""Access: tokens of programs, one-use sign-in codes, and a count of failed sign-ins. Only digests are stored."""

from __future__ import annotations

import getpass
import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.sessions.models import Session
from django.db import models
from django.utils import timezone

_RECORD_USE_EVERY = timedelta(minutes=1)


def digest(secret: str) -> str:
    """Return the SHA-256 digest of a secret, in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiToken(models.Model):
    """A program's token for `/api/`, sent as `Authorization: Bearer ...`."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def issue(cls, *, user_id: int, name: str) -> str:
        """Create a token and return its text, which is not stored and cannot be read again."""
        secret = secrets.token_urlsafe(32)
        cls.objects.create(user_id=user_id, name=name, digest=digest(secret))
        return secret


def user_of_token(secret: str, *, record_use: bool = True) -> AbstractBaseUser | None:
    """Return the user of this token, or None; record when it was last used, to the minute, if `record_use`."""
    token = ApiToken.objects.select_related("user").filter(digest=digest(secret)).first()
    if token is None or not token.user.is_active:
        return None
    now = timezone.now()
    if record_use and (token.last_used_at is None or now - token.last_used_at > _RECORD_USE_EVERY):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token.user


class SignInCode(models.Model):
    """A one-use code in a URL: with an empty `purpose` it signs in, as the one that is printed at the start."""

    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    purpose = models.CharField(max_length=120, blank=True, default="")

    @classmethod
    def issue(cls, *, minutes: int = 24 * 60, purpose: str = "") -> str:
        """Create a code that is valid for `minutes`, and return its text; expired codes are deleted."""
        secret = secrets.token_urlsafe(24)
        now = timezone.now()
        cls.objects.filter(expires_at__lt=now).delete()
        cls.objects.create(digest=digest(secret), expires_at=now + timedelta(minutes=minutes), purpose=purpose)
        return secret

    @classmethod
    def redeem(cls, code: str, *, purpose: str = "") -> bool:
        """Return whether the code was valid for this purpose, and delete it."""
        valid = cls.objects.filter(digest=digest(code), purpose=purpose, expires_at__gt=timezone.now())
        deleted, _ = valid.delete()
        return bool(deleted)

    @classmethod
    def is_valid(cls, code: str, *, purpose: str) -> bool:
        """Return whether the code is valid for this purpose; it stays so."""
        return cls.objects.filter(digest=digest(code), purpose=purpose, expires_at__gt=timezone.now()).exists()


class SignInTries(models.Model):
    """Recent failed sign-ins from one address or for one account, counted over all web processes."""

    MOST_ROWS = 10_000

    digest = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    until = models.DateTimeField(db_index=True)

    @classmethod
    def count_try(cls, subject: str, *, most: int, seconds: int) -> bool:
        """Count one more try of `subject`; return False if it already had `most` tries within `seconds`."""
        now, key = timezone.now(), digest(subject)
        cls.objects.filter(until__lt=now).delete()
        if not cls.objects.filter(digest=key).exists():
            if cls.objects.count() >= cls.MOST_ROWS:
                return False  # an attack from, or on, thousands: no new subject until older rows expire
            cls.objects.get_or_create(digest=key, defaults={"until": now + timedelta(seconds=seconds)})
        return bool(cls.objects.filter(digest=key, count__lt=most).update(count=models.F("count") + 1))

    @classmethod
    def subtract_try(cls, subject: str) -> None:
        """Subtract one try of `subject`, because it succeeded."""
        cls.objects.filter(digest=digest(subject), count__gt=0).update(count=models.F("count") - 1)


def ensure_operator() -> str:
    """Return the account that the printed URL signs in; the first call creates it, without a password."""
    users = get_user_model()
    name = getpass.getuser() or "operator"
    if not users.objects.filter(username=name).exists():
        users.objects.create_superuser(username=name, email="", password=None)
    return name


def end_sessions(user: User) -> int:
    """End every session of the user, in all browsers; return how many there were."""
    own = [row.pk for row in Session.objects.all() if row.get_decoded().get(SESSION_KEY) == str(user.pk)]
    return Session.objects.filter(pk__in=own).delete()[0]
