"""The Celery tasks: each is a notification that makes a worker read a row."""

# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

import gc
import os
import sys
import threading
import time
from typing import Any

from billiard.process import active_children
from celery import shared_task
from celery.signals import celeryd_after_setup, worker_process_init, worker_ready, worker_shutting_down
from celery.worker import state

from recorder.worker import encode, run

NICENESS = 10
"""Encoding runs at low priority, so that the robot's control loop is not affected."""


EXIT_WRONG_SETTINGS = 2


@celeryd_after_setup.connect
def refuse_time_limits(instance: Any, **_: Any) -> None:
    """Exit if a time limit is set, the one Celery setting that does harm; the others affect only notifications."""
    for name in ("time_limit", "soft_time_limit"):
        if limit := getattr(instance, name, None):
            sys.stderr.write(
                f"A task's {name} is set to {limit:g} s: a longer take would be killed at every attempt and "
                "never be encoded. Remove it from Celery's settings: robotdata detects hanging encoders itself.\n"
            )
            raise SystemExit(EXIT_WRONG_SETTINGS)


@worker_process_init.connect
def lower_priority(**_: Any) -> None:
    """Lower the priority of a worker process."""
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


@worker_process_init.connect
def freeze_modules(**_: Any) -> None:
    """Leave what is loaded by now to no later garbage collection: it stays, and each would look at all of it again."""
    gc.freeze()


@worker_ready.connect
def watch_scheduler(sender: Any, **_: Any) -> None:
    """Exit when the scheduler thread ends: nothing would be swept, and Celery does not restart that thread."""
    scheduler = getattr(sender.controller, "beat", None)
    if scheduler is not None:
        threading.Thread(target=_exit_after, args=(scheduler,), name="clock", daemon=True).start()


def _exit_after(scheduler: Any) -> None:
    while scheduler.is_alive():
        time.sleep(1)
    if state.should_stop is None and state.should_terminate is None:
        # Immediately: an orderly exit would wait for the dead thread. Jobs are leased, so none is lost.
        exit_process("the scheduler thread has died")


@worker_shutting_down.connect
def exit_if_idle(how: str, exitcode: int, **_: Any) -> None:
    """Exit immediately if no task runs or waits: Celery's orderly exit takes six seconds even then.

    A notification that arrives in this moment is lost; the next start reads all rows that wait.
    """
    if how == "Warm" and not (state.active_requests or state.reserved_requests):
        for child in active_children():  # the scheduler and the pool
            child.terminate()
        os._exit(exitcode)


@shared_task(name="robotdata.run_job")
def run_job(job_id: int) -> None:
    """Run waiting operations, then the job."""
    run.run_waiting()
    encode.run_job(job_id, on_stall=exit_process)


@shared_task(name="robotdata.run_operation")
def run_operation(operation_id: str) -> None:
    """Run the operation."""
    run.run_operation(operation_id)


def exit_process(_: str) -> None:
    """End this process, because a hanging encoder cannot be stopped from within; the pool starts another process."""
    os._exit(os.EX_TEMPFAIL)
