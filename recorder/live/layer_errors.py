"""What a channel layer raises when it cannot be reached."""

from __future__ import annotations

try:
    from redis.exceptions import RedisError
except ModuleNotFoundError:  # the extra `scale` is not installed: the layer is this process's own memory
    LAYER_ERRORS: tuple[type[Exception], ...] = (OSError,)
else:
    LAYER_ERRORS = (RedisError, OSError)
