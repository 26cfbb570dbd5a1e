from __future__ import annotations

from pathlib import Path

import pytest

from robotdata.export import ExportRefused, packets_of, plan_take
from robotdata.spool import Take
from robotdata.video.barcode import read
from robotdata.video.jpeg import decode_jpeg
from tests.support.takes import make_take

FRONT = "observation.images.front"


def ticks_shown(take: Take, key: str = FRONT, **how: object) -> list[int]:
    plan = plan_take(take, **how)
    return [read(decode_jpeg(packet)).tick for packet in packets_of(take, plan, key)]


def test_it_shows_each_tick_the_frame_that_the_loop_had(tmp_path: Path) -> None:
    with Take.open(make_take(tmp_path, 8)) as take:
        assert ticks_shown(take) == list(range(8))


def test_it_stands_in_the_newest_stored_frame_for_a_lost_one_and_counts_it(tmp_path: Path) -> None:
    with Take.open(make_take(tmp_path, 8, lost={3, 4})) as take:
        assert ticks_shown(take) == [0, 1, 2, 2, 2, 5, 6, 7]
        plan = plan_take(take)
        assert plan.missing[FRONT] == 2
        assert plan.repeated[FRONT] == 2


def test_it_cuts_the_ticks_before_every_camera_had_a_frame(tmp_path: Path) -> None:
    with Take.open(make_take(tmp_path, 8, late=2)) as take:
        plan = plan_take(take)
        assert (plan.lead_in, plan.rows) == (2, 6)
        assert ticks_shown(take) == [2, 3, 4, 5, 6, 7]


def test_it_trims_in_the_frames_that_the_player_counts(tmp_path: Path) -> None:
    with Take.open(make_take(tmp_path, 10, late=2)) as take:
        assert ticks_shown(take, trim=(1, 4)) == [3, 4, 5]


def test_it_says_how_old_each_frame_was(tmp_path: Path) -> None:
    with Take.open(make_take(tmp_path, 5)) as take:
        assert set(plan_take(take).age_ns[FRONT].tolist()) == {1_000_000}


@pytest.mark.parametrize("trim", [(4, 4), (50, 60)])
def test_it_refuses_a_trim_that_keeps_nothing(tmp_path: Path, trim: tuple[int, int]) -> None:
    with Take.open(make_take(tmp_path, 8)) as take, pytest.raises(ExportRefused, match="keeps none of its 8 frames"):
        plan_take(take, trim)


def test_it_refuses_a_take_without_rows(tmp_path: Path) -> None:
    with Take.open(make_take(tmp_path, 0)) as take, pytest.raises(ExportRefused, match="has no rows"):
        plan_take(take)


def test_it_warns_when_the_loop_was_a_little_off(tmp_path: Path) -> None:
    with Take.open(make_take(tmp_path, 30, rate_hz=28.5)) as take:
        warning = plan_take(take).warnings[0]
    assert "28.50 Hz instead of 30" in warning and "1.05x" in warning


def test_it_refuses_a_loop_far_off_until_a_person_accepts(tmp_path: Path) -> None:
    with Take.open(make_take(tmp_path, 30, rate_hz=20)) as take:
        with pytest.raises(ExportRefused, match="accept its rate") as refused:
            plan_take(take)
        assert refused.value.code == "rate"
        assert plan_take(take, accept_rate=True).rows == 30
