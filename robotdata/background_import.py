"""Import what a process needs soon, but not for its first answer, while nobody waits for it."""

from __future__ import annotations

import logging
import threading
import time
from importlib import import_module
from typing import Any

from robotdata.thread_limit import is_thread_limit

log = logging.getLogger(__name__)
DELAY_S = 3.0
"""From the first answer on. Pages are answered meanwhile: the thread shares Python's lock with them, and a lower
priority would make them wait for it whenever another process has the processor."""


def import_after_answer(app: Any, module: str) -> Any:
    """Wrap an ASGI application: once it has answered for the first time, a thread imports the module.

    Who needs the module before that imports it, or waits for the thread. If it cannot be imported, that is logged, and
    whoever imports it next gets the error.
    """
    is_started = False

    async def wrapped(scope: dict[str, Any], receive: Any, send: Any) -> None:
        nonlocal is_started
        try:
            await app(scope, receive, send)
        finally:
            if not is_started:
                is_started = True
                _start(module)

    return wrapped


def _start(module: str) -> None:
    try:
        threading.Thread(target=_import, args=(module,), name=f"import {module}", daemon=True).start()
    except RuntimeError as error:
        if not is_thread_limit(error):
            raise
        log.warning("%s is imported when it is needed: %s", module, error)


def _import(module: str) -> None:
    time.sleep(DELAY_S)
    try:
        import_module(module)
    except Exception:
        log.exception("%s cannot be imported: every request that needs it will fail", module)
