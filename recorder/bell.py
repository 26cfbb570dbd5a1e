"""The bell: tells the workers that a row wants work. A lost one is rung again by the sweep."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import KombuError, OperationalError

log = logging.getLogger(__name__)


def ring(task: str, *args: Any) -> None:
    """Send `recorder.tasks.<task>` once the running transaction is committed, so that its row is there to be seen."""
    transaction.on_commit(partial(_send, f"recorder.tasks.{task}", args))


def _send(name: str, args: tuple[Any, ...]) -> None:
    try:
        current_app.send_task(name, args=args, retry=False, ignore_result=True)
    except (OperationalError, KombuError, OSError, ValueError) as error:
        log.warning("The queue is unreachable (%s). Waiting jobs are sent again once it is back.", error)
