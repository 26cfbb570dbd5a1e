"""Logs (MCAP) and films of episodes whose dataset is revised while a request waits for its turn."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from mcap.reader import make_reader

import viewer.film_views
from recorder.models import Dataset, Episode
from recorder.worker import run
from robotdata.dataset import DatasetFolder
from robotdata.dataset.errors import DatasetError
from robotdata.export.log import write_episode_log
from tests.support.streamed import body_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("files_closed")]
MakeEpisode = Callable[..., Episode]


def rows_in(data: bytes) -> int:
    """The number of rows in a log."""
    reader = make_reader(io.BytesIO(data))
    return sum(channel.topic == "action" for _, channel, _ in reader.iter_messages())


@pytest.mark.parametrize("kind", ["log.mcap", "film.mp4"])
def test_a_file_is_of_its_episode_if_the_dataset_is_revised_while_it_waits(
    olga: Client, four: list[Episode], cubes: Dataset, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    first, asked = four[:2]
    read_episode = viewer.film_views.read_episode

    def revised_meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(viewer.film_views, "read_episode", read_episode)
        olga.patch(f"/api/episodes/{first.pk}", {"verdict": "reject"}, content_type="application/json")
        operation = olga.post(f"/api/datasets/{cubes.slug}/apply", {}, content_type="application/json").json()
        run.run_operation(operation["id"])
        return read_episode(*args)

    address = f"/media/{asked.pk}/{kind}"
    monkeypatch.setattr(viewer.film_views, "read_episode", revised_meanwhile)
    data = body_of(olga.get(address))
    asked.refresh_from_db()
    assert (asked.episode_index, len(DatasetFolder.open(cubes.path).episodes)) == (0, 3)
    assert data == body_of(olga.get(address))
    if kind == "log.mcap":
        assert rows_in(data) == asked.ticks == 6


def test_no_log_is_written_of_another_episode(four: list[Episode], cubes: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="another one by now"):
        write_episode_log(cubes.path, 2, tmp_path / "log.mcap", uuid=four[1].pk)
    assert not (tmp_path / "log.mcap").exists()


def messages(data: bytes, topic: str) -> list[tuple[int, Any]]:
    """Time and content of the JSON messages of a topic."""
    reader = make_reader(io.BytesIO(data)).iter_messages(topics=[topic])
    return [(message.log_time, json.loads(message.data)) for _, _, message in reader]


@pytest.mark.parametrize(("trim", "rows"), [((None, None), 8), ((1, None), 8), ((6, 10), 4), ((None, 10), 6)])
def test_page_and_command_write_the_same_ticks_of_a_take(
    olga: Client, make_episode: MakeEpisode, tmp_path: Path, trim: tuple[int | None, int | None], rows: int
) -> None:
    take = make_episode(12, first_frame=4)
    Episode.objects.filter(pk=take.pk).update(trim_first=trim[0], trim_end=trim[1])
    data = body_of(olga.get(f"/media/{take.pk}/log.mcap"))
    call_command("log", "cubes", str(take.number), str(tmp_path / "log.mcap"))
    assert rows_in(data) == rows
    assert (tmp_path / "log.mcap").read_bytes() == data


def test_words_of_a_take_are_in_its_log_as_they_are_now(olga: Client, make_episode: MakeEpisode) -> None:
    take = make_episode(12)
    address = f"/media/{take.pk}/log.mcap"
    assert messages(body_of(olga.get(address)), "subtask") == []
    words = {"subtasks": [{"first": 3, "end": 12, "text": "reach"}], "remarks": []}
    words["version"] = olga.get(f"/api/episodes/{take.pk}/language").json()["version"]
    answer = olga.put(f"/api/episodes/{take.pk}/language", words, content_type="application/json")
    assert answer.status_code == 200, answer.content
    ((time, message),) = messages(body_of(olga.get(address)), "subtask")
    assert message == {"text": "reach"} and time == messages(body_of(olga.get(address)), "action")[3][0]
