"""The exceptions of a channel layer that is unreachable."""

from __future__ import annotations

try:
    from redis.exceptions import RedisError
except ModuleNotFoundError:  # without the extra `scale`, the layer is in this process's memory
    LAYER_ERRORS: tuple[type[Exception], ...] = (OSError,)
else:
    LAYER_ERRORS = (RedisError, OSError)
