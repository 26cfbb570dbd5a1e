"""Stub, replaced by its owner."""

from __future__ import annotations

from ninja import NinjaAPI

api = NinjaAPI()
