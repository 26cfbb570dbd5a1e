"""The product's settings, with the broker's as wrong as they can be."""

from __future__ import annotations

from tests.support.held_settings import *  # noqa: F403 - that is what such a file does

CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 1, "unacked_restore_limit": 100}
