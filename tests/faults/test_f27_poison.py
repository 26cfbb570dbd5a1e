"""F27: One take of a batch is damaged on disk: it fails alone, with a reason and a button to retry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robotdata.dataset import verify_dataset
from tests.support.crowd import Crowd, crowd

pytestmark = pytest.mark.faults
# As olga sees it and presses it: `python -c PRESS`.
PRESS = """
import json, re
import django
django.setup()
from django.contrib.auth import get_user_model
from django.test import Client
olga, _ = get_user_model().objects.get_or_create(username="olga")
client = Client(HTTP_HOST="localhost")
client.force_login(olga)
page = client.get("/operations/").content.decode()
(call,) = re.findall(r'POST (/api/operations/[^"]*/retry)', page)
answer = client.post(call, content_type="application/json")
print(json.dumps([page, answer.status_code, answer.json(), client.get("/operations/").content.decode()]))
"""


def operations(home: Crowd) -> list[tuple[str, str]]:
    return home.rows("select state, error from recorder_operation order by created_at")


def test_it_fails_alone_and_is_tried_again_once_it_is_mended(tmp_path: Path) -> None:
    with crowd(tmp_path) as home:
        takes = home.make(cubes=(8, 7, 6, 5), cups=(4,))
        video = tmp_path / "spool" / takes[1] / "observation.images.front.mkv"
        whole = video.read_bytes()
        middle = len(whole) // 2
        video.write_bytes(whole[:middle] + bytes(40) + whole[middle + 40 :])
        home.begin("cubes", "cups")  # the second waits behind it
        worker = home.start("worker")
        home.wait(lambda: [state for state, _ in operations(home)] == ["done", "done"])
        left, other = (words for _, words in operations(home))
        assert "1 of 4 episodes failed and were left out" in left and other == ""
        failed = home.rows("select id, error from recorder_episode where state = 'failed'")
        ((pk, words),) = failed
        assert pk == takes[1].replace("-", "") and words in left
        assert "frame" in words and "Trim" in words
        # The raw takes of the others go; that one is kept.
        home.wait(lambda: [path.name for path in (tmp_path / "spool").iterdir()] == [takes[1]])
        video.write_bytes(whole)
        page, status, answer, after = json.loads(home.python("-c", PRESS))
        assert "Try 1 again" in page and "1 of 4 episodes failed" in page
        assert status == 200 and answer["state"] == "queued" and "Try 1 again" not in after
        home.wait(lambda: [state for state, _ in operations(home)] == ["done"] * 3)
        assert worker.process.poll() is None
    report = verify_dataset(tmp_path / "datasets/cubes", deep=True)
    assert report.problems == [] and (report.episodes, report.frames) == (4, 26)
