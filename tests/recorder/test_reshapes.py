"""New order, cut, re-encode, fewer frames, images: as operations, with their previews, their way back, and kills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recorder.actor import Actor
from recorder.catalog.reshapes import (
    Reshape,
    cut_of,
    dropping_of,
    new_order,
    preview_reshape,
    reencode_of,
    start_reshape,
    to_images_of,
    to_videos_of,
)
from recorder.catalog.transfer_undo import can_undo, undo_transfer
from recorder.errors import Refused
from recorder.jobs.operations import cancel_operation
from recorder.jobs.reencoding import encoded_folder
from recorder.models import Dataset, Episode, Operation
from recorder.review.verdicts import edit_episodes
from recorder.worker import reshape, run
from recorder.worker.sweep import sweep
from robotdata.dataset.reader import DatasetFolder
from tests.recorder.conftest import FOUR, FRONT, entry, frames
from tests.support.transfers import done, ids

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("olga")
SMALLER = {"crf": 35, "g": 10}


def start(cubes: Dataset, change: Reshape) -> Operation:
    return start_reshape(dataset=cubes, change=change, actor=OLGA)


def undo(operation: Operation) -> None:
    operation = Operation.objects.get(pk=operation.pk)
    assert can_undo(operation)
    done(undo_transfer(operation=operation, actor=OLGA))
    assert not can_undo(Operation.objects.get(pk=operation.pk))


def rows(cubes: Dataset) -> list[tuple[int, int]]:
    return list(cubes.episodes.committed().order_by("episode_index").values_list("episode_index", "ticks"))


def test_episodes_change_places_with_their_rows_and_words(four: list[Episode], cubes: Dataset) -> None:
    whole, before = frames(cubes), ids(cubes)
    edit_episodes(episodes=[four[3]], actor=OLGA, note="the best")
    change = new_order(cubes, episodes=[four[3], four[1]])
    preview = preview_reshape(dataset=cubes, change=change)
    assert (preview.episodes, preview.encoded_frames) == (4, 0) and "3 of 4" in preview.notes[0]
    operation = done(start(cubes, change))
    assert frames(cubes) == [whole[n] for n in (3, 1, 0, 2)] and ids(cubes) == [before[n] for n in (3, 1, 0, 2)]
    assert Episode.objects.get(pk=before[3]).note == "the best"
    undo(operation)
    assert frames(cubes) == whole and ids(cubes) == before


def test_an_order_has_a_name(four: list[Episode], cubes: Dataset) -> None:
    whole = frames(cubes)
    with pytest.raises(Refused, check=lambda refused: refused.code == "nothing"):
        start(cubes, new_order(cubes, by="recorded"))
    operation = done(start(cubes, new_order(cubes, by="length")))
    assert frames(cubes) == [whole[n] for n in (3, 1, 2, 0)]
    assert operation.arguments["summary"] == "order episodes by length"


def test_a_cut_makes_two_rows_with_the_same_words(four: list[Episode], cubes: Dataset) -> None:
    whole, before = frames(cubes), ids(cubes)
    edit_episodes(episodes=[four[0]], actor=OLGA, labels=["good"])
    operation = done(start(cubes, cut_of(cubes, episode=four[0], first=2, end=6)))
    number = whole[0][0]
    assert frames(cubes) == [(number, [0, 1]), (number, [6, 7]), *whole[1:]]
    after = ids(cubes)
    assert after[0] == before[0] and after[2:] == before[1:] and after[1] not in before
    second = Episode.objects.get(pk=after[1])
    assert (second.labels, second.verdict, second.ticks) == (["good"], "keep", 2)
    assert second.recorded_at == Episode.objects.get(pk=after[0]).recorded_at
    assert entry(second)["origin"]["frames"] == [6, 8]
    undo(operation)
    assert frames(cubes) == whole and ids(cubes) == before and not Episode.objects.get(pk=after[1]).is_committed


def test_a_cut_with_a_seam_leaves_one_row_that_says_where(four: list[Episode], cubes: Dataset) -> None:
    whole, before = frames(cubes), ids(cubes)
    operation = done(start(cubes, cut_of(cubes, episode=four[0], first=2, end=6, seam=True)))
    assert frames(cubes) == [(whole[0][0], [0, 1, 6, 7]), *whole[1:]] and ids(cubes) == before
    row = Episode.objects.get(pk=before[0])
    assert [(mark["code"], mark["from_tick"]) for mark in row.marks] == [("seam", 2)]
    undo(operation)
    assert frames(cubes) == whole and Episode.objects.get(pk=before[0]).marks == []


def test_a_camera_is_encoded_again(four: list[Episode], cubes: Dataset) -> None:
    whole, before = frames(cubes), ids(cubes)
    operation = done(start(cubes, reencode_of(cubes, cameras=[FRONT], encoding=SMALLER)))
    assert frames(cubes) == whole and ids(cubes) == before
    info = DatasetFolder.open(cubes.path).features[FRONT]["info"]
    assert (info["video.codec"], info["video.crf"], info["video.g"]) == ("h264", 35, 10)
    assert not encoded_folder(operation).exists()
    undo(operation)
    assert DatasetFolder.open(cubes.path).features[FRONT]["info"]["video.crf"] == 23


def test_frames_are_dropped_and_images_made_and_undone(four: list[Episode], cubes: Dataset) -> None:
    whole = frames(cubes)
    dropped = done(start(cubes, dropping_of(cubes, keep_one_of=2, encoding={})))
    halves = [(number, ticks[::2]) for number, ticks in whole]
    assert frames(cubes) == halves and rows(cubes) == [(n, len(ticks)) for n, (_, ticks) in enumerate(halves)]
    cubes.refresh_from_db()
    assert cubes.fps == 15
    images = done(start(cubes, to_images_of(cubes, cameras=[FRONT])))
    assert DatasetFolder.open(cubes.path).video_keys == []
    videos = done(start(cubes, to_videos_of(cubes, cameras=[FRONT], encoding={})))
    assert frames(cubes) == halves
    undo(videos)
    with pytest.raises(Refused, check=lambda refused: refused.code == "changed"):
        undo_transfer(operation=images, actor=OLGA)
    assert not can_undo(dropped)


@pytest.mark.parametrize(
    "change",
    [
        lambda cubes, four: cut_of(cubes, episode=four[0], first=0, end=4),
        lambda cubes, four: reencode_of(cubes, cameras=["top"], encoding={}),
        lambda cubes, four: dropping_of(cubes, keep_one_of=7, encoding={}),
        lambda cubes, four: to_videos_of(cubes, cameras=[FRONT], encoding={}),
        lambda cubes, four: reencode_of(cubes, cameras=[FRONT], encoding={"codec": "none"}),
        lambda cubes, four: new_order(cubes, episodes=[four[0], four[0]]),
    ],
)
def test_what_is_impossible_is_refused_and_starts_nothing(
    four: list[Episode], cubes: Dataset, change: Callable[..., Reshape]
) -> None:
    count = Operation.objects.count()
    with pytest.raises(Refused):
        start(cubes, change(cubes, four))
    assert Operation.objects.count() == count


def test_a_take_cannot_be_cut(four: list[Episode], cubes: Dataset, make_episode: Any) -> None:
    with pytest.raises(Refused, check=lambda refused: refused.code == "not_committed"):
        cut_of(cubes, episode=make_episode(8), first=2, end=4)


@pytest.mark.parametrize("crash_at", ["reencode_cameras", "refresh_dataset", "remove_tree"])
def test_a_killed_worker_is_followed_by_one_that_goes_on(
    four: list[Episode], cubes: Dataset, monkeypatch: Any, crash_at: str
) -> None:
    whole, revision = frames(cubes), DatasetFolder.open(cubes.path).revision
    operation = start(cubes, reencode_of(cubes, cameras=[FRONT], encoding=SMALLER))
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        real = getattr(reshape, crash_at)

        def die(*args: Any, **kwargs: Any) -> None:
            real(*args, **kwargs)
            raise SystemExit

        patch.setattr(reshape, crash_at, die)
        run.run_operation(operation.pk)
    Operation.objects.filter(pk=operation.pk, state="running").update(lease_until=operation.created_at)
    sweep()
    run.run_waiting()
    operation.refresh_from_db()
    cubes.refresh_from_db()
    assert (operation.state, cubes.revision, frames(cubes)) == ("done", revision + 1, whole)
    assert not encoded_folder(operation).exists()


def test_a_cancelled_re_encode_leaves_nothing(four: list[Episode], cubes: Dataset, monkeypatch: Any) -> None:
    whole = frames(cubes)
    operation = start(cubes, reencode_of(cubes, cameras=[FRONT], encoding=SMALLER))
    real = reshape._encoding_recorder

    def cancelling(*args: Any) -> Callable[[Any], None]:
        record = real(*args)

        def report(now: Any) -> None:
            if now.frames and Operation.objects.get(pk=operation.pk).state == "running":
                cancel_operation(operation=Operation.objects.get(pk=operation.pk), actor=OLGA)
            monkeypatch.setattr(reshape, "_REPORT_EVERY_S", 0)
            record(now)

        return report

    monkeypatch.setattr(reshape, "_encoding_recorder", cancelling)
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    assert operation.state == "cancelled" and frames(cubes) == whole
    assert not encoded_folder(operation).exists()
    assert list(cubes.work_path.iterdir()) == []


def test_its_line_says_how_far_the_encoding_is(
    four: list[Episode], cubes: Dataset, client: Client, monkeypatch: Any
) -> None:
    client.force_login(User.objects.create_user("olga"))
    operation = start(cubes, reencode_of(cubes, cameras=[FRONT], encoding=SMALLER))
    seen: list[str] = []
    real = reshape._encoding_recorder

    def looking(*args: Any) -> Callable[[Any], None]:
        record = real(*args)

        def report(now: Any) -> None:
            record(now)
            seen.append(client.get(f"/operations/{operation.pk}/").content.decode())

        return report

    monkeypatch.setattr(reshape, "_REPORT_EVERY_S", 0)
    monkeypatch.setattr(reshape, "_encoding_recorder", looking)
    done(operation)
    total = sum(FOUR)
    assert f"encoding · 0 of {total} frames · 0 of 4 episodes" in seen[0]
    assert f"{total} of {total} frames · 4 of 4 episodes" in seen[-1] and f'max="{total}" value="{total}"' in seen[-1]


def test_the_api_previews_and_starts_each(four: list[Episode], cubes: Dataset, client: Client) -> None:
    client.force_login(User.objects.create_user("olga"))
    whole = frames(cubes)

    def post(name: str, **body: Any) -> Any:
        return client.post(f"/api/datasets/cubes/{name}", body, content_type="application/json")

    bodies: dict[str, dict[str, Any]] = {
        "reorder": {"by": "length"},
        "cut": {"episode": str(four[0].pk), "first": 2, "end": 6},
        "reencode": {"cameras": [FRONT], "encoding": SMALLER, "width": 320, "height": 72},
        "drop-frames": {"keep_one_of": 2},
        "to-images": {"cameras": [FRONT]},
    }
    for name, body in bodies.items():
        answer = post(f"{name}/preview", **body)
        assert answer.status_code == 200, answer.content
        assert answer.json()["episodes"] in {4, 5} and answer.json()["notes"]
    assert [post("cut/preview", **bodies["cut"], seam=seam).json()["episodes"] for seam in (False, True)] == [5, 4]
    assert frames(cubes) == whole
    answer = post("cut", **bodies["cut"])
    assert answer.status_code == 202 and answer.json()["summary"] == "cut frames 2–5 out of #1"
    assert post("reorder", **bodies["reorder"]).status_code == 409
    done(Operation.objects.get(pk=answer.json()["id"]))
    assert [len(ticks) for _, ticks in frames(cubes)] == [2, 2, *FOUR[1:]]
    undone = client.post(f"/api/operations/{answer.json()['id']}/undo")
    assert undone.status_code == 202
    done(Operation.objects.get(pk=undone.json()["id"]))
    assert frames(cubes) == whole
    assert post("reorder").status_code == 422 and post("reencode", cameras=[FRONT], width=320).status_code == 422
    assert post("to-videos/preview", cameras=[FRONT]).json()["error"]["code"] == "not_possible"


def test_a_sweep_removes_what_only_ended_operations_have_encoded(four: list[Episode], cubes: Dataset) -> None:
    ended = done(start(cubes, to_images_of(cubes, cameras=[FRONT])))
    going = start(cubes, to_videos_of(cubes, cameras=[FRONT], encoding={}))
    others = cubes.work_path / "encoded-cubes"  # of `robotdata edit`
    for folder in (encoded_folder(ended), encoded_folder(going), others):
        folder.mkdir(parents=True)
    sweep()
    assert [f.exists() for f in (encoded_folder(ended), encoded_folder(going), others)] == [False, True, True]
