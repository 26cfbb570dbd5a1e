"""The table of mutations: each turns one value of a good dataset into another, and exactly that is blamed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import delete_episodes, verify_dataset
from robotdata.video.codecs import EncodeSettings
from tests.dataset.conftest import FRONT, TOP, Bench, MakeEpisode
from tests.support.cells import EPISODES, rewrite, set_cell, set_json

INFO, STATS = "meta/info.json", "meta/stats.json"
WHICH = 3
AV1 = EncodeSettings(codec="libsvtav1", preset=12)
Change = Callable[[Bench], None]
Blame = tuple[str, int | None, int | None]


def info(key: str, name: str, value: Any) -> Change:
    return lambda six: set_json(
        six.root / INFO, lambda said: said["features"][key].setdefault("info", {}).update({name: value})
    )


STREAMS: dict[str, tuple[Change, str]] = {
    "codec": (info(FRONT, "video.codec", "av1"), f"{FRONT}: video.codec is 'av1'"),
    "codec of no name": (info(TOP, "video.codec", 7), f"{TOP}: video.codec is 7"),
    "height": (info(FRONT, "video.height", 96), f"{FRONT}: video.height is 96"),
    "width": (info(FRONT, "video.width", 270), f"{FRONT}: video.width is 270"),
    "pixels": (info(FRONT, "video.pix_fmt", "yuv444p"), f"{FRONT}: video.pix_fmt is 'yuv444p'"),
    "rate": (info(TOP, "video.fps", 29), f"{TOP}: video.fps is 29"),
    "rate as text": (info(TOP, "video.fps", "30"), f"{TOP}: video.fps is '30'"),
    "channels": (info(TOP, "video.channels", 1), f"{TOP}: video.channels is 1"),
    "sound": (info(FRONT, "has_audio", True), f"{FRONT}: has_audio is True"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_it_blames_what_info_says_of_a_stream_and_names_a_file(six: Bench, name: str) -> None:
    change, words = STREAMS[name]
    change(six)
    report = verify_dataset(six.root)
    assert [(p.file, p.episode, p.frame) for p in report.problems] == [(INFO, None, None)], report.problems
    key = words.partition(":")[0]
    assert words in report.problems[0].what
    assert f"videos/{key}/chunk-000/file-000.mp4 has" in report.problems[0].what


@pytest.mark.parametrize(
    ("name", "value"),
    [("video.codec", "libx264"), ("video.codec", None), ("video.fps", 30.0), ("video.fps", 29.97), ("has_audio", None)],
)
def test_it_bears_other_words_for_the_same_stream(six: Bench, name: str, value: Any) -> None:
    info(FRONT, name, value)(six)
    report = verify_dataset(six.root)
    assert not report.problems and not report.notes


def test_files_of_another_encoder_beside_those_that_info_speaks_of_are_a_note(six: Bench, new: MakeEpisode) -> None:
    six.commit([new(6, 5, settings=AV1)])
    said = json.loads((six.root / INFO).read_text())["features"][FRONT]["info"]
    assert said["video.codec"] == "h264"
    report = verify_dataset(six.root, deep=True)
    assert not report.problems
    assert [note.partition(", videos/")[0] for note in report.notes] == [
        f"{INFO}: {key}: video.codec is 'h264'" for key in (FRONT, TOP)
    ]


def test_older_programs_say_it_under_another_name(six: Bench) -> None:
    def older(said: Any) -> None:
        feature = said["features"][TOP]
        feature["video_info"] = {**feature.pop("info"), "video.codec": "av1"}

    set_json(six.root / INFO, older)
    report = verify_dataset(six.root)
    assert [(p.file, f"{TOP}: video.codec" in p.what) for p in report.problems] == [(INFO, True)]


def test_an_edit_that_leaves_only_another_encoders_files_says_so_in_info(six: Bench, new: MakeEpisode) -> None:
    six.commit([new(6, 5, settings=AV1)])
    delete_episodes(six.root, range(5), **six.places)
    assert json.loads((six.root / INFO).read_text())["features"][FRONT]["info"]["video.codec"] == "h264"
    delete_episodes(six.root, [0], **six.places)
    said = json.loads((six.root / INFO).read_text())["features"][FRONT]["info"]
    assert (said["video.codec"], said["video.width"]) == ("av1", 272) and "video.crf" not in said
    report = verify_dataset(six.root, deep=True)
    assert not report.problems and not report.notes


def of_episode(name: str, change: Callable[[Any], Any]) -> Change:
    def do(six: Bench) -> None:
        old = pq.read_table(six.root / EPISODES).column(name).to_pylist()[WHICH]
        rewrite(six.root / EPISODES, lambda table: set_cell(table, name, WHICH, change(old)))

    return do


def of_whole(key: str, part: str, change: Callable[[Any], Any]) -> Change:
    return lambda six: set_json(six.root / STATS, lambda said: said[key].update({part: change(said[key][part])}))


def nudged(by: float) -> Callable[[Any], Any]:
    """The first number alone."""
    return lambda values: [values[0] + by, *values[1:]]


def blamed(six: Bench, *, deep: bool = False) -> list[Blame]:
    return [(p.file, p.episode, p.frame) for p in verify_dataset(six.root, deep=deep).problems]


QUANTILES: dict[str, tuple[Change, Blame]] = {
    "q01": (of_episode("stats/action/q01", nudged(0.002)), ("meta/episodes", WHICH, None)),
    "q10": (of_episode("stats/observation.force/q10", nudged(0.002)), ("meta/episodes", WHICH, None)),
    "q50": (of_episode("stats/action/q50", nudged(-0.004)), ("meta/episodes", WHICH, None)),
    "q90": (of_episode("stats/action/q90", nudged(-0.004)), ("meta/episodes", WHICH, None)),
    "q99": (of_episode("stats/action/q99", nudged(-0.004)), ("meta/episodes", WHICH, None)),
    "one that is wider": (of_episode("stats/action/q50", lambda v: v[:5]), ("meta/episodes", WHICH, None)),
    "yes and no": (of_episode("stats/observation.touch/q50", nudged(0.3)), ("meta/episodes", WHICH, None)),
    "q10 of all": (of_whole("action", "q10", nudged(0.004)), (STATS, None, None)),
    "q90 of all": (of_whole("observation.force", "q90", nudged(-0.004)), (STATS, None, None)),
    "q50 of all pictures": (of_whole(TOP, "q50", lambda v: [[[v[0][0][0] + 0.004]], *v[1:]]), (STATS, None, None)),
}


@pytest.mark.parametrize("name", QUANTILES)
def test_it_blames_a_quantile_that_is_possible_and_wrong(six: Bench, name: str) -> None:
    change, blame = QUANTILES[name]
    change(six)
    assert blamed(six) == [blame]


def parts_of(six: Bench, name: str) -> tuple[np.ndarray, np.ndarray]:
    table = pq.read_table(six.root / EPISODES)
    return np.array(table.column(name).to_pylist()), np.array(table.column("length").to_pylist())[:, None]


def weighted(each: np.ndarray, rows: np.ndarray, share: float) -> np.ndarray:
    return np.asarray(np.average(each, axis=0, weights=rows[:, 0]))


def widest(each: np.ndarray, rows: np.ndarray, share: float) -> np.ndarray:
    return np.asarray(each.min(axis=0) if share <= 0.5 else each.max(axis=0))


Rule = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def went_on(first: Rule, then: Rule) -> Rule:
    """One program has made the first four episodes, another one goes on with its own rule."""

    def rule(each: np.ndarray, rows: np.ndarray, share: float) -> np.ndarray:
        made = np.vstack([first(each[:4], rows[:4], share), each[4:]])
        return then(made, np.vstack([[rows[:4].sum()], rows[4:]]), share)

    return rule


@pytest.mark.parametrize("rule", [weighted, widest, went_on(widest, weighted), went_on(weighted, widest), None])
def test_it_knows_the_rules_by_which_the_whole_follows_from_its_episodes(six: Bench, rule: Rule | None) -> None:
    for part in ("q01", "q10", "q50", "q90", "q99"):
        share = int(part[1:]) / 100
        each, rows = parts_of(six, f"stats/action/{part}")
        value = rule(each, rows, share) if rule else np.quantile(np.concatenate(actions(six)), share, axis=0)
        of_whole("action", part, lambda _, value=value: value.tolist())(six)
    assert not verify_dataset(six.root).problems


def test_it_takes_the_usual_rule_for_an_episode_too(six: Bench) -> None:
    value = np.quantile(actions(six)[WHICH], 0.9, axis=0)
    assert abs(value - parts_of(six, "stats/action/q90")[0][WHICH]).max() > 0.01
    of_episode("stats/action/q90", lambda _: value.tolist())(six)
    each, rows = parts_of(six, "stats/action/q90")
    of_whole("action", "q90", lambda _: np.average(each, axis=0, weights=rows[:, 0]).tolist())(six)
    assert not blamed(six)


def actions(six: Bench) -> list[np.ndarray]:
    dataset = six.open()
    return [dataset.rows(episode.index)["action"] for episode in dataset.episodes]
