"""The table of mutations: each turns one value of a good dataset into another, and exactly that is blamed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from robotdata.dataset import delete_episodes, verify_dataset
from robotdata.video.codecs import EncodeSettings
from tests.dataset.conftest import FRONT, TOP, Bench, MakeEpisode
from tests.dataset.test_verify import set_json

INFO = "meta/info.json"
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
