"""Several acts on the database at the same moment, each in a thread of its own. Wants Django to be set up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from django.db import connection

from recorder.errors import Refused

Act = Callable[[], object]


def together(acts: Sequence[Act]) -> list[str]:
    """What went wrong, a line each; that one of them is refused is right."""
    barrier, wrong = threading.Barrier(len(acts)), []

    def run(action: Act) -> None:
        barrier.wait()
        try:
            action()
        except Refused:
            pass
        except Exception as error:  # noqa: BLE001 - it is what this looks for
            wrong.append(f"{type(error).__name__}: {error}".splitlines()[0])
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong
