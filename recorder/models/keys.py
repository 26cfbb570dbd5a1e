"""Keyboard shortcuts that a person has chosen; they belong to the account, not to the browser."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models


class RecordKeys(models.TextChoices):
    """Keys that the record page has beside its own ones."""

    OWN = "", "none"
    LEROBOT = "lerobot", "those of lerobot-record"


class UserKeys(models.Model):
    """`changed` maps a default key to the key that this person presses instead; `record` adds keys while recording."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="keys")
    changed = models.JSONField(default=dict, blank=True)
    record = models.CharField(max_length=12, choices=RecordKeys, default=RecordKeys.OWN, blank=True)

    class Meta:
        verbose_name_plural = "user keys"

    def __str__(self) -> str:
        return f"keys of {self.user}"

    @classmethod
    def record_of(cls, user: Any) -> str:
        """Return this person's keys of the record page, of RecordKeys."""
        return cls.objects.filter(user=user.pk).values_list("record", flat=True).first() or RecordKeys.OWN.value
