"""Check in a background thread whether the Celery broker answers, so that no page waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

from celery import current_app
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import KombuError, OperationalError

log = logging.getLogger(__name__)

CHECK_EVERY_S = 2.0
_STOP_AFTER_S = 15.0  # stop checking when nobody has asked for this long
_FIRST_CHECK_WAIT_S = 1.0
_RETRY_AFTER_S = 0.3  # wait before a second try: one lost answer is not an outage
_TIMEOUT_S = 2.0


def is_embedded() -> bool:
    """Return whether the queue is a folder of this installation, which cannot be unreachable."""
    return str(settings.CELERY_BROKER_URL).startswith("filesystem://")


def broker_address() -> str:
    """Return the broker's host and port, without its password."""
    with current_app.connection_for_write() as connection:
        return f"{connection.hostname}:{connection.port}" if connection.port else str(connection.hostname)


def is_reachable() -> bool:
    """Return whether the broker accepts a connection and answers a request. Blocks for a few seconds at most."""
    timeouts = {"max_retries": 0, "socket_connect_timeout": _TIMEOUT_S, "socket_timeout": _TIMEOUT_S}
    is_redis = str(settings.CELERY_BROKER_URL).startswith(("redis", "sentinel"))
    try:
        with current_app.connection_for_write(
            connect_timeout=_TIMEOUT_S, transport_options=timeouts if is_redis else None
        ) as connection:
            connection.ensure_connection(max_retries=0)
    except (OperationalError, KombuError, OSError):
        return False
    return True


class BrokerWatch:
    """Check the broker every two seconds in a thread, which ends when nobody has asked for `_STOP_AFTER_S`."""

    def __init__(self, probe: Callable[[], bool] = is_reachable) -> None:
        self._probe = probe
        self._offline_since: datetime | None = None
        self._asked_at = 0.0
        self._first_check_done = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def offline_since(self) -> datetime | None:
        """Return since when the broker has not answered; None if it answers or is embedded.

        The first call waits up to `_FIRST_CHECK_WAIT_S` for the first result; later calls return at once.
        """
        if is_embedded():
            return None
        with self._lock:
            self._asked_at = time.monotonic()
            if self._thread is None:
                self._first_check_done.clear()
                self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
                self._thread.start()
        self._first_check_done.wait(_FIRST_CHECK_WAIT_S)
        return self._offline_since

    def _run(self) -> None:
        while True:
            self._check()
            self._first_check_done.set()
            time.sleep(CHECK_EVERY_S)
            with self._lock:
                if time.monotonic() - self._asked_at > _STOP_AFTER_S:
                    self._thread = None
                    return

    def _check(self) -> None:
        if self._check_twice():
            if self._offline_since is not None:
                log.info("The queue is reachable again.")
            self._offline_since = None
        elif self._offline_since is None:
            self._offline_since = timezone.now()
            log.warning("The queue is unreachable: jobs wait until it is back.")

    def _check_twice(self) -> bool:
        try:
            if self._probe():
                return True
            time.sleep(_RETRY_AFTER_S)
            return self._probe()
        except Exception:  # a driver may raise anything; this thread must not end, and pages must not wait for it
            log.exception("Cannot check the broker")
            return False


broker_watch = BrokerWatch()
