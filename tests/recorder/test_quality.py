from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from recorder.actor import WORKER, Actor
from recorder.catalog.takes import index_take
from recorder.models import Dataset, Episode
from recorder.quality import assess
from recorder.quality.overview import overview
from recorder.quality.tasks import assess_take
from recorder.review.verdicts import edit_episodes
from recorder.worker.sweep import notify_unassessed
from robotdata.quality import BadThresholds
from robotdata.quality.mark import score
from robotdata.spool import read_manifest, update_curation, write_manifest
from robotdata.spool.take_lock import TakeLock

pytestmark = pytest.mark.django_db
FRONT = "observation.images.front"
MakeEpisode = Callable[..., Episode]


def reach(number: int, ticks: int = 90, still: int = 0) -> Callable[[int], list[float]]:
    """A little different with each number."""

    def values(tick: int) -> list[float]:
        share = min(max((tick - still) / (ticks - 2 * still), 0.0), 1.0)
        bell = np.sin(np.pi * share) ** 2
        return [40 * bell + 2 * np.sin(number + 5 * share) * bell, -30 * bell * (1 + number % 5 / 20)]

    return values


@pytest.fixture
def make_take(make_episode: MakeEpisode) -> MakeEpisode:
    """An episode of 90 ticks without cameras that reaches out and back."""
    count = iter(range(1000))
    return lambda ticks=90, **more: make_episode(ticks, (), **{"values": reach(next(count), ticks), **more})


def codes(episode: Episode) -> set[str]:
    return {mark["code"] for mark in assess.assess(episode=episode)}


def test_it_keeps_the_marks_in_row_and_folder(make_take: MakeEpisode) -> None:
    episode = make_take(values=lambda tick: [1.0, float("nan") if tick == 30 else 2.0])
    before = episode.updated_at
    marks = assess.assess(episode=episode)
    assert [mark["code"] for mark in marks] == ["no_motion", "nan", "nan"]
    assert marks[1] == {
        "code": "nan",
        "camera": None,
        "feature": "action",
        "from_tick": 30,
        "to_tick": 31,
        "frame": 30,
        "severity": "bad",
        "source": "quality",
        "text": "action is NaN in 1 tick, first elbow.pos at 1.0 s.",
    }
    episode.refresh_from_db()
    assert episode.marks == marks == read_manifest(episode.take_path)["marks"]
    assert episode.updated_at > before and index_take(take_id=str(episode.pk), actor=WORKER).marks == marks  # type: ignore[union-attr]


def test_it_has_nothing_to_say_of_ordinary_takes(make_take: MakeEpisode) -> None:
    episodes = [make_take() for _ in range(8)]
    before = episodes[7].updated_at
    assert [assess.assess(episode=episode) for episode in episodes] == [[]] * 8
    episodes[7].refresh_from_db()
    assert episodes[7].updated_at == before


def test_it_measures_once(make_take: MakeEpisode, monkeypatch: pytest.MonkeyPatch) -> None:
    episode = make_take()
    assess.assess(episode=episode)
    monkeypatch.setattr(assess, "take_metrics", lambda take, **_: pytest.fail("measured again"))
    assert assess.assess(episode=episode) == []
    (episode.take_path / assess.METRICS_FILE).write_text("{")
    with pytest.raises(pytest.fail.Exception):
        assess.assess(episode=episode)


def test_it_judges_by_the_other_takes_of_the_dataset(make_take: MakeEpisode) -> None:
    for episode in [make_take() for _ in range(6)]:
        assert codes(episode) == set()
    assert codes(make_take(300)) == {"length"}


def test_it_judges_the_first_takes_again_when_more_are_known(make_take: MakeEpisode) -> None:
    first = make_take(300)
    assert codes(first) == set()
    for episode in [make_take() for _ in range(5)]:
        codes(episode)
    first.refresh_from_db()
    assert [mark["code"] for mark in first.marks] == ["length"]


def test_it_does_not_learn_from_rejected_takes(make_take: MakeEpisode) -> None:
    for episode in [make_take() for _ in range(6)] + [make_take(300, verdict="reject") for _ in range(9)]:
        codes(episode)
    assert "length" in codes(make_take(300))


def test_it_joins_what_the_rig_said(make_take: MakeEpisode) -> None:
    episode = make_take(values=lambda tick: [0.0, 0.0])
    said = [
        {"code": "frozen", "camera": FRONT, "from_tick": 30, "to_tick": 60, "text": "Camera front repeats itself"},
        {"code": "no_motion", "camera": None, "from_tick": 0, "to_tick": 90, "text": "The arm rests"},
        {"code": "stale", "camera": FRONT, "from_tick": 70, "to_tick": 73, "text": "Camera front gives no frames"},
        "nonsense",
    ]
    write_manifest(episode.take_path, {**read_manifest(episode.take_path), "marks": said})
    for _ in range(2):  # again: nothing is doubled, nothing lost
        marks = assess.assess(episode=episode)
        kinds = [("no_motion", "bad"), ("frozen", "note"), ("unreadable", "warn")]  # the last names the nonsense
        assert [(mark["code"], mark["severity"]) for mark in marks] == kinds
    assert marks[1]["text"] == "Camera front repeats itself, from 1.0 s to 2.0 s."
    assert read_manifest(episode.take_path).raw["rig_marks"] == said


def test_it_leaves_a_verdict_alone(make_take: MakeEpisode) -> None:
    episode = make_take(values=lambda tick: [0.0, 0.0])
    update_curation(episode.take_path, by="olga", verdict="keep", note="good")
    Episode.objects.filter(pk=episode.pk).update(note="good")
    assess.assess(episode=episode)
    episode.refresh_from_db()
    assert episode.note == read_manifest(episode.take_path)["curation"]["note"] == "good"


def test_it_waits_for_a_take_that_is_being_recorded(make_take: MakeEpisode) -> None:
    assert assess.assess(episode=make_take(state="recording")) == []
    episode = make_take(values=lambda tick: [0.0, 0.0])
    with TakeLock(episode.take_path):
        assess_take(str(episode.pk))
    episode.refresh_from_db()
    assert episode.marks == []
    assess_take(str(episode.pk))
    episode.refresh_from_db()
    assert [mark["code"] for mark in episode.marks] == ["no_motion"]


def test_it_says_that_a_take_cannot_be_read(make_take: MakeEpisode) -> None:
    episode = make_take()
    path = episode.take_path / "rows.arrow"
    path.write_bytes(path.read_bytes()[:2000])
    assert codes(episode) == {"unreadable"}


def test_it_does_nothing_where_there_is_no_folder(make_take: MakeEpisode, home: Path) -> None:
    episode = make_take()
    episode.take_path.rename(home / "gone")
    assert assess.assess(episode=episode) == []
    assess_take("00000000-0000-0000-0000-000000000000")
    assert assess.unassessed() == []


def test_it_names_takes_that_were_forgotten(make_take: MakeEpisode) -> None:
    known, forgotten = make_take(), make_take()
    assess.assess(episode=known)
    assert assess.unassessed() == [str(forgotten.pk)]


def test_it_suggests_a_trim_that_an_episode_can_take(make_take: MakeEpisode) -> None:
    episode = make_take(240, values=reach(0, 240, still=60))
    assert assess.suggest_trim(episode) is None
    assess.assess(episode=episode)
    first, end = assess.suggest_trim(episode) or (0, 0)
    assert 40 <= first <= 75 and 165 <= end <= 205
    edit_episodes(episodes=[episode], actor=Actor("olga"), trim_first=first, trim_end=end)
    assert read_manifest(episode.take_path)["curation"]["trim"] == [first, end]
    busy = make_take()
    assess.assess(episode=busy)
    assert assess.suggest_trim(busy) is None


def test_it_takes_thresholds_from_the_settings(make_take: MakeEpisode, settings: Any) -> None:
    for episode in [make_take() for _ in range(6)]:
        codes(episode)
    settings.QUALITY_THRESHOLDS = {"length": 1.2, "z": 3}
    assert "length" in codes(make_take(130))
    settings.QUALITY_THRESHOLDS = {"lenght": 1.2}
    with pytest.raises(BadThresholds, match="lenght"):
        codes(make_take())


def test_it_shows_a_dataset_at_a_glance(make_take: MakeEpisode, cubes: Dataset) -> None:
    for episode in [make_take() for _ in range(5)] + [make_take(task="fold", verdict="unreviewed")]:
        assess.assess(episode=episode)
    bad = make_take(values=lambda tick: [0.0, float("nan")])
    assess.assess(episode=bad)
    assess.assess(episode=make_take(verdict="reject"))
    seen = overview(cubes)
    assert (seen["episodes"], seen["seconds"], sum(seen["lengths"]["counts"])) == (7, 21.0, 7)
    assert [(line["task"], line["episodes"], line["kept"]) for line in seen["tasks"]] == [
        ("push", 6, 6),
        ("fold", 1, 0),
    ]
    assert seen["worst"][0]["id"] == str(bad.pk) and seen["worst"][0]["score"] == score(seen["worst"][0]["marks"])
    assert {"code": "nan", "episodes": 1} in seen["marks"]
    shoulder = next(line for line in seen["ranges"] if line["feature"] == "action")
    assert shoulder["name"] == "shoulder.pos" and 30 < shoulder["high"] < 45 and shoulder["takes"] == 7


def test_it_shows_an_empty_and_a_committed_dataset(cubes: Dataset) -> None:
    assert overview(cubes)["lengths"]["median_s"] is None and overview(cubes)["ranges"] == []
    cubes.features = {"action": {"dtype": "float32", "shape": [2], "names": ["a", "b"]}}
    cubes.total_episodes = 3
    (cubes.path / "meta").mkdir(parents=True)
    (cubes.path / "meta/stats.json").write_text(json.dumps({"action": {"min": [0, 1], "max": [2, 3]}}))
    assert overview(cubes)["ranges"][1] == {
        "feature": "action",
        "name": "b",
        "least": 1,
        "low": None,
        "high": None,
        "most": 3,
        "moving": None,
        "takes": 3,
    }


@pytest.mark.django_db(transaction=True)
def test_it_is_asked_for_the_moment_a_take_is_indexed_and_again_by_the_sweep(
    make_episode: MakeEpisode, bells: list[Any]
) -> None:
    episode = make_episode()
    asked = ("assess_take", (str(episode.pk),))
    assert asked in bells
    bells.clear()
    notify_unassessed(timezone.now())
    assert bells == [asked]
    assess.assess(episode=episode)
    bells.clear()
    notify_unassessed(timezone.now())
    assert bells == []
