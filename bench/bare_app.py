"""A bare ASGI application that answers every request with one JPEG: the least that any server of frames costs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

JPEG = (Path(os.environ["ROBOTDATA_HOME"]) / "frame.jpg").read_bytes()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await receive()
    headers = [(b"content-type", b"image/jpeg"), (b"content-length", str(len(JPEG)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": JPEG})
