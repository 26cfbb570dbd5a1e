"""One of two processes that want the same take at the same moment: `encode` it, or `delete` or edit it.

Waits for a line before each take, and says a line after it: {"did": ...} or {"refused": why}.
`python tests/faults/one_of_two.py encode|delete TAKE TAKE ...`
"""

from __future__ import annotations

import json
import random
import sys
import time

import django

django.setup()

from recorder.actor import Actor  # noqa: E402
from recorder.errors import Refused  # noqa: E402
from recorder.jobs.encoding import start_encoding  # noqa: E402
from recorder.jobs.operations import cancel_operation  # noqa: E402
from recorder.models import Episode, Operation  # noqa: E402
from recorder.review.trash import empty_trash  # noqa: E402
from recorder.review.verdicts import edit_episodes, set_verdict  # noqa: E402
from recorder.worker.encode import run_job  # noqa: E402
from recorder.worker.run import run_operation  # noqa: E402

LONGEST_S = 0.4
"""About as long as the other takes over encoding and committing."""


def encode(episode: Episode, number: int) -> str:
    time.sleep(random.Random(1000 + number).uniform(0, LONGEST_S / 2))
    operation = start_encoding(dataset=episode.dataset, actor=Actor("olga"), episodes=[episode])
    for pk in list(operation.jobs.values_list("pk", flat=True)):
        run_job(pk)
    run_operation(operation.pk)
    return "encoded"


def delete(episode: Episode, number: int) -> str:
    time.sleep(random.Random(number).uniform(0, LONGEST_S))
    episode.refresh_from_db()
    if number % 3 == 0:
        edit_episodes(episodes=[episode], actor=Actor("sven"), trim_first=1, trim_end=4)
        return "trimmed"
    if number % 3 == 1:
        for operation in Operation.objects.open().filter(jobs__episode=episode).distinct():
            cancel_operation(operation=operation, actor=Actor("sven"))
        episode.refresh_from_db()
    set_verdict(episodes=[episode], verdict="reject", actor=Actor("sven"))
    empty_trash(actor=Actor("sven"), episodes=[episode])
    return "deleted"


def main(role: str, takes: list[str]) -> None:
    act = {"encode": encode, "delete": delete}[role]
    for number, pk in enumerate(takes):
        sys.stdin.readline()
        try:
            said = {"did": act(Episode.objects.select_related("dataset").get(pk=pk), number)}
        except Refused as error:
            said = {"refused": f"{error.code}: {error}"}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


main(sys.argv[1], sys.argv[2:])
