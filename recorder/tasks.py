"""Celery's face: each task is a bell that makes somebody look at a row."""

# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

import os
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init

from recorder import committing, encoding, sweeping

NICENESS = 10
"""Encoding gives way to the robot's loop."""


@worker_process_init.connect
def be_nice(**_: Any) -> None:
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


@shared_task
def run_job(job_id: int) -> None:
    encoding.run_job(job_id, on_stall=leave)


@shared_task
def commit_batch(batch_id: str) -> None:
    committing.commit_batch(batch_id)


@shared_task
def sweep() -> None:
    sweeping.sweep()


def leave(_: str) -> None:
    """An encoder that hangs cannot be stopped from within: end this process, the pool makes another."""
    os._exit(os.EX_TEMPFAIL)
