"""Stub, replaced by its owner."""

from __future__ import annotations

app_name = "recorder"
urlpatterns: list = []
