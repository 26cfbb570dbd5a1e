"""The whole of an answer that is streamed."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync


def body_of(response: Any) -> bytes:
    assert response.status_code < 300, response.content

    async def joined() -> bytes:
        return b"".join([piece async for piece in response.streaming_content])

    return async_to_sync(joined)()
