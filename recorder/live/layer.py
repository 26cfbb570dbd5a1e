"""Messages between web processes over the channel layer: their version, and the errors of a layer that is unreachable.

Web processes of two releases may share a layer while one after the other is restarted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings

from robotdata.files.versions import check_version

log = logging.getLogger(__name__)

VERSION = 1
LAYER_ERRORS: tuple[type[Exception], ...] = (OSError,)
if settings.CHANNEL_URL:  # else the layer is in this process's memory, and redis need not be installed
    from redis.exceptions import RedisError

    LAYER_ERRORS = (RedisError, OSError)


def layer_message(kind: str, **fields: Any) -> dict[str, Any]:
    """Return a message of this kind, with the version."""
    return {"type": kind, "v": VERSION, **fields}


def is_readable(message: Mapping[str, Any]) -> bool:
    """Return whether this program can read a message; log once why it cannot. A process before version 1 sent none."""
    try:
        check_version(message.get("v"), VERSION, f"the message {message.get('type')!r:.40} of another web process")
    except ValueError as error:
        _warn_once(str(error))
        return False
    return True


@lru_cache(maxsize=32)
def _warn_once(problem: str) -> None:
    log.warning("Ignored: %s", problem)
