"""The exceptions of a channel layer that is unreachable."""

from __future__ import annotations

from django.conf import settings

LAYER_ERRORS: tuple[type[Exception], ...] = (OSError,)
if settings.CHANNEL_URL:  # else the layer is in this process's memory, and redis need not be installed
    from redis.exceptions import RedisError

    LAYER_ERRORS = (RedisError, OSError)
