"""An episode that cannot be committed, though it was encoded: it fails alone, with its reason, and the rest goes in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
from recorder.jobs.operations import retry_operation
from recorder.models import Dataset, Episode, Job, Operation
from recorder.worker import encode, run
from robotdata.dataset import verify_dataset
from robotdata.dataset.hashes import digest
from robotdata.video.codecs import EncodeSettings
from robotdata.video.encode import encode_frames
from tests.recorder.conftest import SIZE, codes, work

pytestmark = pytest.mark.django_db(transaction=True)
MakeEpisode = Callable[..., Episode]


def replace_staged(settings: Any, episode: Episode, **how: Any) -> None:
    """Its encoded video becomes another one, which is believed to be whole: what a broken encoder might have left."""
    (path,) = Path(settings.STAGING_DIR, str(episode.pk)).glob("*.mp4")
    frames, width = how.pop("frames", episode.ticks), how.pop("width", SIZE[0])
    pictures = [np.full((SIZE[1], width, 3), 50 + n, np.uint8) for n in range(frames)]
    chosen = EncodeSettings(codec="h264", preset="ultrafast", pix_fmt=how.pop("pix_fmt", "yuv420p"))
    encode_frames(pictures, path, settings=chosen, overwrite=True, **{"fps": 30, **how})
    record = path.with_name(path.name + ".json")
    facts = {"size": path.stat().st_size, "sha256": digest(path)}
    record.write_text(json.dumps(json.loads(record.read_text()) | facts))


def commit(dataset: Dataset, spoil: Callable[[], None]) -> Operation:
    operation = start_encoding(dataset=dataset, actor=Actor("olga"))
    for pk in Job.objects.waiting().filter(operation=operation).values_list("pk", flat=True):
        encode.run_job(pk)
    spoil()
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    return operation


@pytest.mark.parametrize(
    "how",
    [{"frames": 3}, {"width": 160}, {"fps": 15, "pix_fmt": "yuv444p"}],
    ids=["frames are missing", "another size", "times between the frames', found when it is read back"],
)
def test_it_fails_alone(cubes: Dataset, make_episode: MakeEpisode, settings: Any, how: dict[str, Any]) -> None:
    takes = [make_episode(6) for _ in range(3)]
    operation = commit(cubes, lambda: replace_staged(settings, takes[1], **how))
    assert operation.state == "done" and "1 of 3 episodes failed" in operation.error
    for take in takes:
        take.refresh_from_db()
    assert [take.state for take in takes] == ["encoded", "failed", "encoded"]
    assert takes[1].error and takes[1].take_path.is_dir() and not takes[0].take_path.exists()
    assert [shown[0][1] for shown in codes(cubes)] == [1, 3]
    assert work(retry_operation(operation=operation, actor=Actor("olga"))).state == "done", (
        "what was encoded badly is encoded anew"
    )
    assert [shown[0][1] for shown in codes(cubes)] == [1, 3, 2]
    assert verify_dataset(cubes.path, deep=True).problems == []


def test_several_fail_each_with_its_own_reason(cubes: Dataset, make_episode: MakeEpisode, settings: Any) -> None:
    takes = [make_episode(6) for _ in range(4)]

    def spoil() -> None:
        replace_staged(settings, takes[0], frames=3)
        replace_staged(settings, takes[2], width=160)
        replace_staged(settings, takes[3], fps=15, pix_fmt="yuv444p")

    operation = commit(cubes, spoil)
    assert operation.state == "done" and "3 of 4 episodes failed" in operation.error
    for take in takes:
        take.refresh_from_db()
    assert [take.state for take in takes] == ["failed", "encoded", "failed", "failed"]
    assert len({take.error for take in takes if take.error}) == 3
    assert [shown[0][1] for shown in codes(cubes)] == [2]


@pytest.mark.parametrize("odd", [{"features": 0}, {"cameras": []}, {"ticks": "many"}, {"features": {"action": 1}}])
def test_a_take_that_holds_something_odd_fails_alone(
    cubes: Dataset, make_episode: MakeEpisode, odd: dict[str, Any]
) -> None:
    takes = [make_episode(6) for _ in range(3)]

    def spoil() -> None:
        path = takes[1].take_path / "take.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | odd))

    operation = commit(cubes, spoil)
    for take in takes:
        take.refresh_from_db()
    assert (operation.state, [take.state for take in takes]) == ("done", ["encoded", "failed", "encoded"])
    assert [shown[0][1] for shown in codes(cubes)] == [1, 3]


def test_a_batch_of_bad_ones_fails_and_leaves_the_dataset_as_it_was(
    cubes: Dataset, make_episode: MakeEpisode, settings: Any
) -> None:
    take = make_episode(6)
    operation = commit(cubes, lambda: replace_staged(settings, take, frames=3))
    take.refresh_from_db()
    assert (operation.state, take.state) == ("failed", "failed") and take.take_path.is_dir()
    assert not cubes.path.exists()
