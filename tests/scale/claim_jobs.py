"""One of two workers that want the same jobs: waits for a line, then claims from two threads whatever it can."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import django

django.setup()

from django.db import connection  # noqa: E402

from recorder.models import Job  # noqa: E402
from recorder.worker.encode import claim_job  # noqa: E402


def claim_all(ids: list[int]) -> list[int]:
    try:
        return [pk for pk in ids if claim_job(pk) is not None]
    finally:
        connection.close()


def main() -> None:
    ids = list(Job.objects.waiting().values_list("pk", flat=True))
    connection.close()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    with ThreadPoolExecutor(2) as threads:
        mine = list(threads.map(claim_all, [ids, ids]))
    sys.stdout.write(json.dumps(mine) + "\n")


main()
