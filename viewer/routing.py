"""Websocket routes of the viewer."""

from __future__ import annotations

from typing import Any

from django.urls import path

from viewer.consumers import PlayConsumer

websocket_urlpatterns: list[Any] = [
    path("ws/play/<uuid:episode_id>/", PlayConsumer.as_asgi()),
]
