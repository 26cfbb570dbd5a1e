"""Undo, retry and previews of a reshape, when somebody works in the dataset meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

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
)
from recorder.catalog.transfer_undo import undo_transfer
from recorder.errors import Refused
from recorder.jobs.encoding import start_encoding
from recorder.jobs.operations import retry_operation
from recorder.jobs.revising import apply_changes
from recorder.models import Dataset, Episode, Operation
from recorder.review.verdicts import edit_episodes
from recorder.worker import reshape
from robotdata.dataset.errors import EditError
from tests.recorder.conftest import FRONT, frames, work
from tests.support.transfers import done

pytestmark = pytest.mark.django_db(transaction=True)
OLGA = Actor("olga")


def start(cubes: Dataset, change: Reshape) -> Operation:
    return start_reshape(dataset=cubes, change=change, actor=OLGA)


def test_an_undo_keeps_takes_that_were_encoded_after_its_request(
    four: list[Episode], cubes: Dataset, make_episode: Callable[..., Episode]
) -> None:
    operation = done(start(cubes, new_order(cubes, by="length")))
    take = make_episode(5)
    encoding = start_encoding(dataset=cubes, actor=OLGA, episodes=[take])
    undo = undo_transfer(operation=Operation.objects.get(pk=operation.pk), actor=OLGA)
    assert work(encoding).state == "done"
    whole = frames(cubes)
    undo = work(undo)
    assert undo.state == "failed" and "was changed since" in undo.error
    assert frames(cubes) == whole and Episode.objects.get(pk=take.pk).is_committed


def test_a_cut_is_not_retried_on_other_frames(four: list[Episode], cubes: Dataset, monkeypatch: Any) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise EditError("a fault of the disk")

    with monkeypatch.context() as patch:
        patch.setattr(reshape, "cut_out", fail)
        cut = work(start(cubes, cut_of(cubes, episode=four[0], first=1, end=2)))
    assert cut.state == "failed"
    edit_episodes(episodes=[four[0]], actor=OLGA, trim_first=3, trim_end=None)
    done(apply_changes(dataset=cubes, actor=OLGA))
    trimmed = frames(cubes)
    cut = work(retry_operation(operation=cut, actor=OLGA))
    assert cut.state == "failed" and "has other frames" in cut.error
    assert frames(cubes) == trimmed


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda cubes: dropping_of(cubes, keep_one_of=2, encoding={}), True),
        (lambda cubes: reencode_of(cubes, cameras=[FRONT], encoding={}, size=(160, 120)), True),
        (lambda cubes: reencode_of(cubes, cameras=[FRONT], encoding={}), False),
        (lambda cubes: to_images_of(cubes, cameras=[FRONT]), True),
        (lambda cubes: new_order(cubes, by="length"), False),
    ],
)
def test_a_preview_counts_the_takes_that_will_not_fit(
    four: list[Episode],
    cubes: Dataset,
    make_episode: Callable[..., Episode],
    change: Callable[[Dataset], Reshape],
    told: bool,
) -> None:
    assert "not in the dataset yet" not in " ".join(preview_reshape(dataset=cubes, change=change(cubes)).notes)
    make_episode(5)
    notes = preview_reshape(dataset=cubes, change=change(cubes)).notes
    assert ("1 take not in the dataset yet will not fit it any more. Encode what you keep first." in notes) == told


def test_a_cut_of_an_episode_with_a_pending_trim_is_refused(four: list[Episode], cubes: Dataset) -> None:
    edit_episodes(episodes=[four[0]], actor=OLGA, trim_first=1, trim_end=7)
    cut = cut_of(cubes, episode=four[0], first=2, end=6)
    with pytest.raises(Refused, match="apply the trim first, or remove it"):
        preview_reshape(dataset=cubes, change=cut)
    edit_episodes(episodes=[four[0]], actor=OLGA, trim_first=None, trim_end=None)
    assert done(start(cubes, cut)).state == "done"
