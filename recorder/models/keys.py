"""Keyboard shortcuts that a person has chosen; they belong to the account, not to the browser."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class UserKeys(models.Model):
    """`changed` maps a default key to the key that this person presses instead."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="keys")
    changed = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name_plural = "user keys"

    def __str__(self) -> str:
        return f"keys of {self.user}"
