"""Answer a request in words when the machine cannot start more threads for the process, instead of by a bare 500."""

from __future__ import annotations

import json
import logging
from typing import Any

log = logging.getLogger(__name__)
WORDS = (
    "The web process cannot start more threads ({}); nothing was changed. End other programs or raise "
    "the limit (`ulimit -u`, the container's limit of processes), then try again. Recording continues."
)


def is_thread_limit(error: BaseException) -> bool:
    """Whether a thread could not be started. Python has no type of its own for this."""
    return "start new thread" in str(error)


def answer_thread_limit(app: Any) -> Any:
    """Wrap an ASGI application: 503 with what to do where it raises because no thread can be started."""

    async def wrapped(scope: dict[str, Any], receive: Any, send: Any) -> None:
        answered = False

        async def noted(message: dict[str, Any]) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await app(scope, receive, noted)
        except RuntimeError as error:
            if not is_thread_limit(error):
                raise
            log.error("%s %s: %s", scope["method"], scope["path"], error)
            if not answered:
                await _say(scope, send, WORDS.format(error))

    return wrapped


async def _say(scope: dict[str, Any], send: Any, words: str) -> None:
    kind, body = "text/plain; charset=utf-8", words
    if scope["path"].startswith(("/api/", "/media/")):
        kind, body = "application/json", json.dumps({"error": {"code": "no_threads", "message": words}})
    headers = [(b"content-type", kind.encode()), (b"retry-after", b"5"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
