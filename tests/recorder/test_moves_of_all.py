"""All episodes of a dataset move to another one: it stays without episodes, and undo brings them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from recorder.actor import Actor
from recorder.catalog.transfer_undo import can_undo, undo_transfer
from recorder.catalog.transfers import Destination
from recorder.errors import Refused
from recorder.jobs.encoding import start_encoding
from recorder.live.sessions import expected_features
from recorder.models import Dataset, Episode, Operation
from recorder.worker.recover import rebuild
from tests.recorder.conftest import FRONT, TOP, frames, work
from tests.support.transfers import copy, dataset, done, ids

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("olga")


def facts(row: Dataset) -> tuple[int, int, str, bool]:
    row = dataset(row.slug)
    return row.total_episodes, row.total_frames, row.problem, row.path.is_dir()


@pytest.mark.parametrize("to_existing", [False, True])
def test_the_dataset_stays_empty_until_it_is_undone(four: list[Episode], cubes: Dataset, to_existing: bool) -> None:
    whole, before = frames(cubes), ids(cubes)
    numbers = [Episode.objects.get(pk=pk).number for pk in before]
    to, already = Destination(title="Others"), []
    if to_existing:
        done(copy(cubes, [four[3]], to))
        to, already = Destination(dataset("others")), [whole[3]]
    operation = done(copy(cubes, four, to, move=True))
    assert frames(dataset("others")) == [*already, *whole] and ids(dataset("others"))[len(already) :] == before
    assert expected_features(dataset=dataset("cubes")) is not None  # so that no other rig records into it
    assert facts(cubes) == (0, 0, "", True) and set(dataset("cubes").features) == {"action", "observation.state", FRONT}
    assert can_undo(operation)
    done(undo_transfer(operation=operation, actor=OLGA))
    assert ids(cubes) == before and frames(cubes) == whole
    assert [Episode.objects.get(pk=pk).number for pk in before] == numbers
    assert Dataset.objects.filter(slug="others").exists() == to_existing


def test_takes_stay_and_are_encoded_into_it(
    four: list[Episode], cubes: Dataset, make_episode: Callable[..., Episode]
) -> None:
    take = make_episode()
    done(copy(cubes, four, Destination(title="Others"), move=True))
    take.refresh_from_db()
    assert (take.dataset, take.state) == (cubes, "recorded")
    work(start_encoding(dataset=cubes, actor=OLGA))
    assert ids(cubes) == [take.pk] and facts(cubes)[2:] == ("", True)
    assert Episode.objects.get(pk=take.pk).number == 5


def test_episodes_with_other_cameras_do_not_come_into_it(
    four: list[Episode], cubes: Dataset, make_episode: Callable[..., Episode]
) -> None:
    done(copy(cubes, four, Destination(title="Others"), move=True))
    Dataset.objects.create(slug="cups", title="Cups", encoding=cubes.encoding)
    other = make_episode(cameras=(FRONT, TOP), dataset="cups")
    work(start_encoding(dataset=dataset("cups"), actor=OLGA))
    other.refresh_from_db()
    with pytest.raises(Refused, check=lambda refused: refused.code == "differ"):
        copy(dataset("cups"), [other], Destination(dataset("cubes")))
    others = dataset("others")
    done(copy(others, list(others.episodes.all()), Destination(dataset("cubes")), move=True))
    assert facts(cubes)[0] == 4 and facts(others)[0] == 0
    rebuild()
    assert facts(cubes)[0] == 4 and facts(others) == (0, 0, "", True)


def test_the_preview_says_what_becomes_of_it(
    four: list[Episode], cubes: Dataset, client: Client, admin_user: Any
) -> None:
    client.force_login(admin_user)
    asked = {"episodes": [str(each.pk) for each in four], "title": "Others", "move": True}

    def emptied(**more: Any) -> str:
        answer = client.post("/api/datasets/cubes/copy/preview", {**asked, **more}, content_type="application/json")
        return str(answer.json()["emptied"])

    assert emptied().startswith("Cubes then has no episode.")
    assert emptied(move=False) == emptied(episodes=asked["episodes"][:3]) == ""
    begun = client.post("/api/datasets/cubes/copy", asked, content_type="application/json").json()
    done(Operation.objects.get(pk=begun["id"]))
    for tab in ("", "edit/", "use/", "files/", "history/", "settings/", "overview/", "wall/", "load/", "figures/"):
        assert client.get(f"/datasets/cubes/{tab}").status_code == 200, tab
