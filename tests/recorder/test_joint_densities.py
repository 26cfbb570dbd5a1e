"""The densities of joints on a dataset's overview, an episode over them, and the overview as a file."""

from __future__ import annotations

import re
import tracemalloc
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.test import Client

from recorder.models import Dataset, Episode
from recorder.quality import assess
from recorder.quality.contact_sheet import spread_over
from recorder.quality.overview import overview
from recorder.views.joints import HEIGHT, WIDTH, density_path, joint_groups
from robotdata.dataset.episode_statistics import episode_statistics
from robotdata.quality.densities import Spread, density, spread_of_statistics
from viewer import overview_file
from viewer.frames import STRIP_SLOTS

MakeEpisode = Callable[..., Episode]


def test_a_density_holds_all_frames_and_peaks_where_the_joint_rests() -> None:
    resting = Spread(np.array([0.0, 0.0, 0.0, 10.0]), np.array([0.0, 0.5, 0.8, 1.0]))
    shares = density([resting], 0, 10, 10)
    assert shares.sum() == pytest.approx(1)
    assert shares.argmax() == 0 and shares[0] > 0.8
    still = Spread(np.array([5.0, 5.0]), np.array([0.0, 1.0]))
    assert density([still], 0, 10, 10).sum() == pytest.approx(1)
    assert density([resting, still], 0, 10, 10)[0] == pytest.approx(shares[0] / 2)
    assert not density([], 0, 10, 4).any() and not density([still], 5, 5, 4).any()


def test_statistics_tell_a_spread_only_where_they_are_numbers() -> None:
    spread = spread_of_statistics({"min": [0, 1], "max": [4, 9], "q50": [1, 2]}, 1)
    assert spread is not None and spread.values.tolist() == [1, 2, 9] and spread.shares.tolist() == [0, 0.5, 1]
    for odd in (
        {},
        {"min": [0]},
        {"min": ["a"], "max": [1]},
        {"min": [float("nan")], "max": [1]},
        {"min": 3, "max": 4},
    ):
        assert spread_of_statistics(odd, 0) is None


def statistics_file(root: Path, number: int, first: int, rows: int) -> None:
    path = root / f"meta/episodes/chunk-000/file-{number:03}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    columns: dict[str, Any] = {"episode_index": list(range(first, first + rows))}
    columns |= {f"stats/action/{name}": [[float(first + row)] for row in range(rows)] for name in ("min", "max")}
    pq.write_table(pa.table(columns), path)


def test_statistics_are_read_of_episodes_spread_over_all_files(tmp_path: Path) -> None:
    statistics_file(tmp_path, 0, 0, 7)
    statistics_file(tmp_path, 1, 7, 6)
    (tmp_path / "meta/episodes/chunk-000/file-002.parquet").write_bytes(b"torn")
    found = episode_statistics(tmp_path, ["action"], most=5)
    assert [each["action"]["min"][0] for each in found] == [0, 3, 6, 9, 12]
    (one,) = episode_statistics(tmp_path, ["action"], indices=[8])
    assert one["action"] == {"min": [8], "max": [8]}


def line(name: str, feature: str, least: float, most: float) -> dict[str, Any]:
    return {"name": name, "feature": feature, "least": least, "low": None, "high": most, "most": most, "moving": 1.0}


def test_state_and_action_of_a_joint_share_a_scale_and_arms_are_grouped() -> None:
    lines = [
        line("left_elbow", "action", 0, 10),
        line("left_elbow", "observation.state", 0, 5),
        line("x", "action", 2, 2),
    ]
    left, others = joint_groups(lines, [[0.5, 0.5]] * 3, [[1.0, 0.0]], {})
    assert (left["name"], others["name"]) == ("Left arm", "")
    state, action = left["joints"][0]["lines"]
    assert (state["below"], action["below"]) == (False, True)
    assert state["marks"] == {"least": 0, "low": None, "high": WIDTH / 2, "most": WIDTH / 2}
    assert action["over"] and not state["over"], "only what is known of the episode is drawn"
    assert others["joints"][0]["lines"][0]["still"]


def test_a_density_is_drawn_on_its_side_of_the_line() -> None:
    heights = [float(y) for y in re.findall(r" ([\d.]+)", density_path([0.0, 1.0, 0.25], below=True))]
    assert min(heights) == HEIGHT and max(heights) == 2 * HEIGHT
    assert density_path([0.0, 0.0], below=False) == ""


def units(lines: list[dict[str, Any]], features: dict[str, Any]) -> list[str]:
    """The unit of each joint, in order."""
    groups = joint_groups(lines, [[1.0]] * len(lines), [], features)
    return [joint["lines"][0]["unit"] for group in groups for joint in group["joints"]]


def test_only_stated_units_are_shown() -> None:
    lines, spec = [line("a", "action", 0, 1), line("b", "action", 0, 1)], {"shape": [2], "names": ["a", "b"]}
    assert units(lines, {"action": spec}) == ["", ""]
    assert units(lines, {"action": {**spec, "unit": "deg"}}) == ["deg", "deg"]
    assert units(lines, {"action": {**spec, "units": ["deg", "%"]}}) == ["deg", "%"]
    assert units(lines, {"action": {**spec, "units": ["deg"]}}) == ["", ""] and units(lines, {"action": None}) == [
        "",
        "",
    ]
    assert units(lines, {"action": {**spec, "units": ["deg", 7]}}) == ["deg", ""]


def test_limits_are_shown_where_they_are_known(person: Client, cubes: Dataset, measured: list[Episode]) -> None:
    assert "joint-limits" not in person.get("/datasets/cubes/overview/").text
    sizes = Counter(line["feature"] for line in overview(cubes)["ranges"])
    known = {
        name: {
            "dtype": "float32",
            "shape": [size],
            "units": ["°"] * size,
            "limits": [[-120, 120], *[None] * (size - 1)],
        }
        for name, size in sizes.items()
    }
    Dataset.objects.filter(pk=cubes.pk).update(features=known)
    page = person.get("/datasets/cubes/overview/").text
    assert page.count('class="joint-limits') == 1 and "Limits -120 to 120 °" in page and "state, °" in page


@pytest.mark.parametrize("size", [300_000_000, 10**20, -1, "2"])
def test_a_shape_that_cannot_be_true_costs_nothing(size: Any) -> None:
    features = {"action": {"shape": [2], "unit": "deg"}, "depths": {"shape": [size], "unit": "mm"}}
    tracemalloc.start()
    try:
        assert units([line("a", "action", 0, 1)], features) == ["deg"]
        features["action"]["shape"] = [size]
        assert units([line("a", "action", 0, 1)], features) == ["deg"]
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_an_episode_is_drawn_over_the_others(person: Client, cubes: Dataset, measured: list[Episode]) -> None:
    data = overview(cubes)
    assert len(data["densities"]) == len(data["ranges"]) > 0
    assert all(sum(shares) == pytest.approx(1, abs=0.01) for shares in data["densities"])
    page = person.get("/datasets/cubes/overview/").text
    assert 'class="mass"' in page and 'class="over"' not in page
    for address in (f"{measured[1].number}", f"%23{measured[1].number}"):
        page = person.get(f"/datasets/cubes/overview/?episode={address}").text
        assert page.count('class="over"') == len(data["ranges"])
        assert f'href="/episodes/{measured[1].pk}/?list=all">{measured[1].name}<' in page
    for odd in ("999", "abc", "-1"):
        assert "There is no episode" in person.get(f"/datasets/cubes/overview/?episode={odd}").text


def test_the_saved_overview_is_whole_in_one_file(person: Client, cubes: Dataset, measured: list[Episode]) -> None:
    cubes.title = '<b>"Cubes" href="x"</b>'
    cubes.save()
    answer = person.get(f"/datasets/cubes/overview/file/?episode={measured[0].number}")
    assert answer["Content-Disposition"] == 'attachment; filename="cubes-overview.html"'
    page = answer.text
    assert not re.search(r'<script|<link|\ssrc="(?!data:)|\shref="|url\(', page)
    assert "&lt;b&gt;&quot;Cubes&quot;" in page and 'class="over"' in page and "--signal-1" in page


@pytest.mark.usefixtures("files_closed")
def test_the_saved_overview_waits_once_for_its_pictures_and_says_what_is_missing(
    person: Client, cubes: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    for take in [make_episode(8) for _ in range(3)]:
        assess.assess(episode=take)
    address = "/datasets/cubes/overview/file/"
    whole = person.get(address).text
    assert whole.count("data:image/jpeg") == 3 and "missing" not in whole
    monkeypatch.setattr(overview_file, "PATIENCE_S", 0.05)
    with ExitStack() as all_slots:
        while STRIP_SLOTS._free.acquire(blocking=False):
            all_slots.callback(STRIP_SLOTS._free.release)
        tries: list[float] = []
        acquire = STRIP_SLOTS._free.acquire
        monkeypatch.setattr(STRIP_SLOTS._free, "acquire", lambda timeout: tries.append(timeout) or acquire(timeout=0))
        busy = person.get(address).text
    assert len(tries) == 1 and tries[0] <= 0.05
    assert "data:image/jpeg" not in busy and busy.count("no picture") == 3
    assert "3 of 3 pictures are missing: this computer is busy" in busy


def test_the_contact_sheet_spreads_over_all_episodes(measured: list[Episode]) -> None:
    ids = spread_over([(each.recorded_at, each.pk) for each in measured])
    assert ids == [each.pk for each in sorted(measured, key=lambda each: (each.recorded_at, each.pk))]
    assert spread_over([(each.recorded_at, each.pk) for each in measured], most=2) == [ids[0], ids[-1]]
