"""What a channel layer raises where it cannot be reached. Redis is asked for its own only where it is configured."""

from __future__ import annotations

from django.conf import settings


def layer_errors() -> tuple[type[Exception], ...]:
    """The exceptions to catch around calls of the layer that CHANNEL_URL names."""
    if not settings.CHANNEL_URL:
        return (OSError,)  # in memory: no package for it is needed, and nothing is away
    from redis.exceptions import RedisError

    return (RedisError, OSError)


LayerErrors = layer_errors()
