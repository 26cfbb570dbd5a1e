"""Stub, replaced by its owner."""

from __future__ import annotations

from channels.generic.websocket import AsyncWebsocketConsumer


class RigConsumer(AsyncWebsocketConsumer):
    """Stub."""
