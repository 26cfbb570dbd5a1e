from __future__ import annotations

import numpy as np
import pytest

from robotdata.dataset.stats import ImageStats, aggregate, numeric_stats, sample_indices


def test_it_computes_in_float64() -> None:
    values = (np.random.default_rng(1).normal(size=(1000, 2)) + [0, 1e7]).astype(np.float64)
    stat = numeric_stats(values)
    assert np.allclose(stat["mean"], values.mean(axis=0), rtol=1e-12)
    assert np.allclose(stat["std"], values.std(axis=0), rtol=1e-9)
    assert stat["count"].tolist() == [1000]


def test_it_follows_lerobots_rule_for_quantiles() -> None:
    stat = numeric_stats(np.arange(101, dtype=np.float32))
    assert stat["q50"][0] == pytest.approx(50, abs=0.03)
    assert stat["q90"][0] == pytest.approx(90, abs=0.03)
    short = numeric_stats(np.array([1.0, 2.0, 3.0]))
    assert short["q01"][0] == 1.0 - 1e-10


def test_it_takes_one_row_for_all_of_its_statistics() -> None:
    stat = numeric_stats(np.array([[3.0, 4.0]]))
    assert all(stat[name].tolist() == [3.0, 4.0] for name in ("min", "max", "mean", "q01", "q99"))
    assert stat["std"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("value", [0.0, 5.0, 1e15, -1e-12])
def test_it_bears_values_that_never_change(value: float) -> None:
    stat = numeric_stats(np.full(50, value))
    assert stat["q50"][0] == pytest.approx(value, abs=1e-9)
    assert stat["std"].tolist() == [0.0]


@pytest.mark.parametrize(("frames", "count"), [(620, 124), (130, 100), (3, 3), (1, 1)])
def test_it_samples_as_many_frames_as_lerobot(frames: int, count: int) -> None:
    found = sample_indices(frames)
    assert (len(found), found[0], found[-1]) == (count, 0, frames - 1)


def test_it_gives_a_cameras_statistics_between_0_and_1() -> None:
    pictures = np.random.default_rng(2).integers(0, 256, (4, 40, 60, 3), dtype=np.uint8)
    counted = ImageStats()
    for picture in pictures:
        counted.add(picture)
    stat = counted.result()
    flat = pictures.reshape(-1, 3) / 255
    assert stat["mean"].shape == (3, 1, 1)
    assert np.allclose(stat["mean"].ravel(), flat.mean(axis=0))
    assert np.allclose(stat["std"].ravel(), flat.std(axis=0))
    assert np.allclose(stat["q50"].ravel(), np.median(flat, axis=0), atol=0.01)
    assert stat["count"].tolist() == [4]


def test_it_thins_out_large_pictures_as_lerobot_does() -> None:
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[::4, ::4] = 200
    counted = ImageStats()
    counted.add(picture)
    assert counted.result()["mean"].ravel() == pytest.approx([200 / 255] * 3)


def test_it_aggregates_to_the_statistics_of_all_rows() -> None:
    rng = np.random.default_rng(3)
    parts = [rng.normal(n, 1 + n, size=(50 + n, 3)) for n in range(4)]
    total = aggregate([numeric_stats(part) for part in parts])
    together = np.concatenate(parts)
    assert np.allclose(total["mean"], together.mean(axis=0))
    assert np.allclose(total["std"], together.std(axis=0))
    assert np.allclose(total["min"], together.min(axis=0))
    assert total["count"].tolist() == [len(together)]


def test_nanoseconds_that_never_change_have_no_spread() -> None:
    """int64 beyond 2^53: as float64 alone their mean is off by 200, and so would be their spread."""
    stat = numeric_stats(np.full(1000, 1_732_800_123_456_789_012, np.int64))
    assert stat["std"].tolist() == [0.0]
    assert stat["mean"].tolist() == [float(1_732_800_123_456_789_012)]


def test_nanoseconds_that_count_on_keep_their_spread() -> None:
    ticks = np.arange(1000, dtype=np.int64)
    for first, kind in ((1_732_800_123_456_789_012, np.int64), (2**64 - 5_000, np.uint64), (-(2**63), np.int64)):
        values = (np.array(first, kind) + ticks.astype(kind)).astype(kind)
        assert numeric_stats(values)["std"][0] == pytest.approx(ticks.std(), rel=1e-12)


@pytest.mark.parametrize("size", [1e300, 1.7e308, 1e-300])
def test_a_spread_is_finite_where_its_square_is_not(size: float) -> None:
    values = np.array([[-1.0], [1.0], [0.5], [-0.5]]) * size
    stat = numeric_stats(values)
    assert stat["std"][0] / size == pytest.approx(np.sqrt(0.625))
    assert stat["mean"][0] / size == pytest.approx(0, abs=1e-12)
    total = aggregate([stat, stat])
    assert total["std"][0] / size == pytest.approx(np.sqrt(0.625))


def test_a_feature_of_rank_2_is_pooled_over_all_but_its_last_dimension() -> None:
    values = np.random.default_rng(5).normal(size=(30, 4, 2))
    stat = numeric_stats(values.reshape(30, 8), [4, 2])
    flat = values.reshape(-1, 2)
    assert np.allclose(stat["mean"], flat.mean(axis=0)) and np.allclose(stat["std"], flat.std(axis=0))
    assert np.allclose(stat["min"], flat.min(axis=0)) and np.allclose(stat["q50"], np.median(flat, axis=0), atol=0.05)
    assert stat["count"].tolist() == [30]


def test_a_value_that_is_not_finite_spoils_its_own_dimension_alone() -> None:
    stat = numeric_stats(np.array([[0.0, 1.0], [np.nan, 2.0], [3.0, 3.0]]))
    assert np.isnan(stat["mean"]).tolist() == [True, False] and stat["mean"][1] == 2.0
