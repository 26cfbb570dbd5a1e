"""The URLs of the recorder's sockets for browsers; that of rigs is in `robotdata/asgi.py`."""

from __future__ import annotations

from typing import Any

from django.urls import path, re_path

from recorder.live.consumers import EventsConsumer, LiveConsumer
from recorder.live.input_consumer import CameraConsumer, InputConsumer, WatchConsumer

websocket_urlpatterns: list[Any] = [
    re_path(r"^ws/live/(?P<name>[A-Za-z0-9_-]{1,48})/$", LiveConsumer.as_asgi()),
    re_path(r"^ws/input/(?P<name>[A-Za-z0-9_-]{1,48})/$", InputConsumer.as_asgi()),
    re_path(r"^ws/watch/(?P<name>[A-Za-z0-9_-]{1,48})/$", WatchConsumer.as_asgi()),
    re_path(r"^ws/camera/(?P<name>[A-Za-z0-9_-]{1,48})/(?P<camera>[A-Za-z0-9_-]{1,48})/$", CameraConsumer.as_asgi()),
    path("ws/events/", EventsConsumer.as_asgi()),
]
