"""The door: pages over HTTP, live things over websockets.

Browsers' sockets need a session and an Origin that is ours. A rig or station is not a browser and sends no Origin: its
socket stands outside that check, with its own bearer token.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from robotdata.gate import wait_until_open
from robotdata.request_handler import request_handler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "robotdata.settings")
pages = request_handler()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.urls import re_path  # noqa: E402
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware  # noqa: E402

from recorder.live.consumers import RigConsumer  # noqa: E402
from recorder.live.routing import websocket_urlpatterns as recorder_sockets  # noqa: E402
from recorder.live.station_consumer import StationConsumer  # noqa: E402
from robotdata.background_import import import_after_answer  # noqa: E402
from robotdata.origins import SameOriginOnly  # noqa: E402
from robotdata.thread_limit import answer_thread_limit  # noqa: E402
from robotdata.websocket import NowhereSocket  # noqa: E402
from viewer.quick_frames import QuickFrames  # noqa: E402
from viewer.routing import websocket_urlpatterns as viewer_sockets  # noqa: E402

addresses = [*recorder_sockets, *viewer_sockets, re_path(r"", NowhereSocket.as_asgi())]
browser_sockets = SameOriginOnly(AuthMiddlewareStack(URLRouter(addresses)))
machine_sockets = {"/ws/rig/": RigConsumer.as_asgi(), "/ws/station/": StationConsumer.as_asgi()}


async def sockets(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """A rig's or station's socket by its own address; everything else is a browser's."""
    door = machine_sockets.get(scope["path"], browser_sockets)
    await door(scope, receive, send)


http = import_after_answer(answer_thread_limit(QuickFrames(pages)), "recorder.api.urls")
application: Any = ProtocolTypeRouter({"http": http, "websocket": sockets})
if settings.PROXIES:  # uvicorn's own believes whoever is on this machine
    application = ProxyHeadersMiddleware(application, settings.PROXIES)

import_module(settings.ROOT_URLCONF)  # so that the first page need not wait for it
wait_until_open()  # in `robotdata run` the database is being prepared meanwhile
