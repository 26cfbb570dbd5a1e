"""What the embedded mode prepares in the database, and what it reads there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from django.core.management import call_command
from django.db import DatabaseError, DataError, IntegrityError, connection

from recorder.errors import unusable_message
from recorder.management.embedded import EmbeddedError
from recorder.models import Episode, Job, Rig
from recorder.models.states import JobState, RigState

log = logging.getLogger(__name__)

RECOVERY_WAIT_S = 5.0


def prepare_database() -> None:
    """Migrate the database. Raise EmbeddedError if it is unusable."""
    try:
        call_command("migrate", verbosity=0, interactive=False)
        Rig.objects.update(state=RigState.OFFLINE, connection="")  # until they send hello
    except DatabaseError as error:
        raise _unusable(error) from error


def _unusable(error: DatabaseError) -> EmbeddedError:
    if isinstance(error, IntegrityError | DataError):
        log.exception("A row could not be written")
    return EmbeddedError(unusable_message(error))


class Recovery:
    """Makes rows agree with folders at the start; with very many takes, while the product runs already."""

    def __init__(self, work: Callable[[], object] | None = None, *, wait_s: float = RECOVERY_WAIT_S) -> None:
        """`work` does it, by default the command `recover`; `wait_s`: how long `run` waits for its end."""
        self._work = work or partial(call_command, "recover", quiet=True)
        self._wait_s = wait_s
        self._thread = threading.Thread(target=self._run, name="recovery", daemon=True)
        self._error: DatabaseError | None = None
        self._say: Callable[[str], None] | None = None

    def run(self, *, say: Callable[[str], None]) -> None:
        """Return when rows and folders agree, or after `wait_s`. Raise EmbeddedError if the database is unusable."""
        self._thread.start()
        self._thread.join(self._wait_s)
        if self._error is not None:
            raise _unusable(self._error) from self._error
        if self._thread.is_alive():
            self._say = say
            say("The takes in the spool are still being checked. The page works meanwhile; its lists may lack some.")

    def finish(self, timeout_s: float = 5.0) -> None:
        """Wait for the end. After `timeout_s` it is given up: the next start does the rest."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._work()
        except DatabaseError as error:
            self._error = error
        finally:
            connection.close()
        if self._say is not None:
            self._say("The takes in the spool are checked." if self._error is None else unusable_message(self._error))


def stop_summary() -> str:
    """Return a summary of what is left when everything has ended."""
    takes = Episode.objects.takes().count()
    waiting = Job.objects.filter(state__in=[JobState.QUEUED, JobState.RUNNING]).count()
    text = f"Stopped. Nothing was lost: {takes} take{'s' * (takes != 1)} in the spool"
    if waiting:
        text += f", {waiting} encoding job{'s' * (waiting != 1)} will continue at the next start"
    return text + "."
