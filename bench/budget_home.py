"""A home for `bench/budgets.py`: `python bench/budget_home.py`, with ROBOTDATA_HOME; prints JSON about it.

Datasets: `bench` with TAKES takes to review, `short` with SHORT takes to encode one by one, `recorded` for a rig, and
`made` with one committed H.264 episode of 640x480.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
TAKES, SHORT, FRAMES = 130, 24, 60
H264 = {"codec": "h264", "crf": 23, "g": 2, "preset": "veryfast", "pix_fmt": "yuv420p"}


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "robotdata.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)

    from bench.desk_home import fill
    from recorder.models import Episode
    from recorder.quality.assess import assess

    home = Path(os.environ["ROBOTDATA_HOME"])
    fill(home, TAKES)
    takes = [str(pk) for pk in Episode.objects.order_by("recorded_at").values_list("pk", flat=True)]
    report = {"takes": takes, "short": _short_takes(home), "committed": _committed(home), **_keys()}
    call_command("recover", quiet=True)
    for episode in Episode.objects.filter(episode_index=None):  # otherwise the sweep would, a few at a time
        assess(episode=episode)
    print(json.dumps(report))


def _short_takes(home: Path) -> list[str]:
    from recorder.models import Dataset
    from tests.support.takes import make_take

    Dataset.objects.create(slug="recorded", title="Recorded", encoding=H264)
    Dataset.objects.create(slug="short", title="Short", encoding=H264)
    return [_listed(make_take(home / "spool", 12, dataset="short", cameras=["front"]).name) for _ in range(SHORT)]


def _committed(home: Path) -> str:
    """Return the id of an episode that the product itself has encoded and committed."""
    from bench.frame_latency import make_take, noisy_packets
    from recorder.actor import WORKER
    from recorder.jobs import notify
    from recorder.jobs.encoding import start_encoding
    from recorder.models import Dataset, Episode, Job
    from recorder.worker import encode, run
    from robotdata.spool import new_take_id

    dataset = Dataset.objects.create(slug="made", title="Made", encoding=H264)
    folder = home / "spool" / new_take_id()
    make_take(folder, noisy_packets(FRAMES), dataset="made")
    take = _listed(folder.name)
    Episode.objects.filter(pk=take).update(verdict="keep")
    notify._send = lambda name, args: None  # no worker runs yet
    operation = start_encoding(dataset=dataset, actor=WORKER)
    for job in Job.objects.filter(operation=operation):
        encode.run_job(job.pk)
    run.run_operation(operation.pk)
    episode = Episode.objects.get(pk=take)
    if not episode.is_committed:
        raise SystemExit(f"the episode was not committed: {episode.state} {episode.error}")
    return take


def _listed(take: str) -> str:
    from recorder.actor import WORKER
    from recorder.catalog.takes import index_take

    index_take(take_id=take, actor=WORKER)
    return take


def _keys() -> dict[str, Any]:
    """Return how somebody who is signed in, a program and a rig show who they are."""
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client

    from recorder.models import ApiToken

    client = Client()
    user = User.objects.create_superuser("bench")
    client.force_login(user)
    session, csrf = client.cookies[settings.SESSION_COOKIE_NAME].value, "c" * 32
    return {
        "token": ApiToken.issue(user_id=user.pk, name="bench"),
        "rig_token": settings.RIG_TOKEN,
        "csrf": csrf,
        "cookie": f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={csrf}",
    }


if __name__ == "__main__":
    main()
