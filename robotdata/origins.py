"""Which pages may open a browser's socket: those of the very address that it is opened at, and those configured."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host

_PORTS = {"http": 80, "https": 443}
Address = tuple[str, str, int]


class SameOriginOnly:
    """ASGI: refuses a socket whose Origin differs from its Host in name or port, or from the scheme that is served.

    Without this any page on another port of this machine, another user's perhaps, would see the live pictures.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        door = self.app if is_ours(scope) else WebsocketDenier.as_asgi()
        await door(scope, receive, send)


def is_ours(scope: dict[str, Any]) -> bool:
    """Whether the page that opens this socket was served at the same address, or is one of ROBOTDATA_ORIGINS."""
    headers = dict(scope["headers"])  # of one sent twice the last: then it differs from what the browser wrote
    origin = address_of(headers.get(b"origin", b"").decode("latin-1"))
    host = headers.get(b"host", b"").decode("latin-1")
    if origin is None or not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return False
    if origin in {address_of(text) for text in settings.CSRF_TRUSTED_ORIGINS}:
        return True
    secure = settings.HTTPS or scope.get("scheme") in {"wss", "https"}
    return origin == address_of(f"{'https' if secure else 'http'}://{host}")


def address_of(text: str) -> Address | None:
    """(scheme, name, port) of an address such as https://lab.example:8443; None where it is none."""
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not parts.hostname or port is None or parts.scheme not in _PORTS:
        return None
    return parts.scheme, parts.hostname.rstrip("."), port
