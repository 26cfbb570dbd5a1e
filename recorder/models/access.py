"""Who may come in: tokens for programs, one-use codes for people, and a count of failures. Only digests are kept."""

from __future__ import annotations

import getpass
import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models
from django.utils import timezone


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiToken(models.Model):
    """A program's key to `/api/`, sent as `Authorization: Bearer ...`."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def issue(cls, *, user_id: int, name: str) -> str:
        """A new token; this is the only moment at which its text is known."""
        secret = secrets.token_urlsafe(32)
        cls.objects.create(user_id=user_id, name=name, digest=digest(secret))
        return secret


class SignInCode(models.Model):
    """A one-use code in the URL that the start prints."""

    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()

    @classmethod
    def issue(cls, *, minutes: int = 24 * 60) -> str:
        """A new code; older ones that have run out are swept away."""
        secret = secrets.token_urlsafe(24)
        now = timezone.now()
        cls.objects.filter(expires_at__lt=now).delete()
        cls.objects.create(digest=digest(secret), expires_at=now + timedelta(minutes=minutes))
        return secret

    @classmethod
    def redeem(cls, code: str) -> bool:
        """Whether the code was good; it is not afterwards."""
        spent, _ = cls.objects.filter(digest=digest(code), expires_at__gt=timezone.now()).delete()
        return bool(spent)


class SignInTries(models.Model):
    """How often signing in failed of late, from one address or for one account; all web processes count together."""

    MOST_ROWS = 10_000

    digest = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    until = models.DateTimeField(db_index=True)

    @classmethod
    def allow(cls, subject: str, *, most: int, seconds: int) -> bool:
        """Count one more try of `subject`; False where it had `most` within `seconds` already."""
        now, key = timezone.now(), digest(subject)
        cls.objects.filter(until__lt=now).delete()
        if not cls.objects.filter(digest=key).exists():
            if cls.objects.count() >= cls.MOST_ROWS:
                return False  # somebody tries from, or for, thousands: no new one until a minute has passed
            cls.objects.get_or_create(digest=key, defaults={"until": now + timedelta(seconds=seconds)})
        return bool(cls.objects.filter(digest=key, count__lt=most).update(count=models.F("count") + 1))

    @classmethod
    def forgive(cls, subject: str) -> None:
        """Take one try of `subject` back: it was right."""
        cls.objects.filter(digest=digest(subject), count__gt=0).update(count=models.F("count") - 1)


def ensure_operator() -> str:
    """The account that the printed URL signs in; made at the first start, without a password."""
    users = get_user_model()
    name = getpass.getuser() or "operator"
    if not users.objects.filter(username=name).exists():
        users.objects.create_superuser(username=name, email="", password=None)
    return name
