"""Notify the workers that a row needs work. The sweep repeats a lost message."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import KombuError, OperationalError

log = logging.getLogger(__name__)
PREFIX = "robotdata."
"""Tasks have explicit names, so that a module can move while messages are queued."""


def wake_workers(task: str, *args: Any) -> None:
    """Send the Celery task `robotdata.<task>` once the transaction is committed, so that the worker sees its row."""
    transaction.on_commit(partial(_send, f"{PREFIX}{task}", args))


def _send(name: str, args: tuple[Any, ...]) -> None:
    try:
        current_app.send_task(name, args=args, retry=False, ignore_result=True)
    except (OperationalError, KombuError, OSError, ValueError) as error:
        log.warning("The queue is unreachable (%s). Waiting jobs are sent again once it is back.", error)
