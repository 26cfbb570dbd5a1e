from __future__ import annotations

from typing import Any

from recorder.actor import Actor
from recorder.catalog import datasets_on_disk
from recorder.jobs.encoding import start_encoding
from recorder.models import Dataset, Episode
from tests.recorder.conftest import work


def test_it_never_goes_back_to_what_a_folder_was(transactional_db: None, cubes: Dataset, make_episode: Any) -> None:
    make_episode()
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    before = datasets_on_disk.DatasetFolder.open(cubes.path)
    make_episode()
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    datasets_on_disk.refresh_rows(cubes, before)  # read before the other commit, and written after it
    cubes.refresh_from_db()
    assert (cubes.total_episodes, cubes.revision) == (2, 2)
    states = Episode.objects.order_by("episode_index").values_list("state", "episode_index", "purged_at")
    assert list(states) == [("encoded", 0, None), ("encoded", 1, None)]
