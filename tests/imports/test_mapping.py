"""The mapping, the synchroniser and the units: plain functions, and what they refuse."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robotdata.imports import BadMapping, MisfitMapping, MissingPackage, make_plan, open_source
from robotdata.imports.mapping import Mapping, Rule, parse_mapping
from robotdata.imports.open import find_sources
from robotdata.imports.saved import load_mapping, read_mapping, save_mapping, saved_names
from robotdata.imports.streams import Message
from robotdata.imports.sync import ticks_of
from robotdata.imports.take import import_recording
from robotdata.spool import Take
from tests.support.foreign import imported, one_of, write_aloha

STATE = {"streams": ["/observations/qpos"]}


def rows(messages: list[tuple[str, int]], *, first_ns: int, count: int, fps: float) -> list[dict[str, int]]:
    made = (Message(path, time_ns, str(time_ns)) for path, time_ns in messages)
    ticks = ticks_of(made, first_ns=first_ns, rows=count, fps=fps)
    return [{path: message.time_ns for path, message in tick.newest.items()} for tick in ticks]


def test_each_row_has_the_newest_message_at_or_before_its_time() -> None:
    messages = [("a", 0), ("b", 5), ("a", 10), ("b", 19), ("a", 20), ("a", 21), ("b", 35)]
    assert rows(messages, first_ns=10, count=3, fps=1e8) == [{"a": 10, "b": 5}, {"a": 20, "b": 19}, {"a": 21, "b": 19}]


def test_a_message_that_goes_back_in_time_is_skipped_and_the_last_one_lasts() -> None:
    assert rows([("a", 10), ("a", 7), ("b", 12)], first_ns=12, count=2, fps=1e8) == [{"a": 10, "b": 12}] * 2


def test_only_as_many_messages_are_read_as_the_rows_need() -> None:
    read = []

    def messages() -> Any:
        for number in range(1_000):
            read.append(number)
            yield Message("a", number * 10, "")

    assert len(list(ticks_of(messages(), first_ns=0, rows=3, fps=1e8))) == 3
    assert len(read) == 4


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "must be an object"),
        ({"version": 2}, "version 2"),
        ({"fsp": 30}, "unknown field 'fsp'"),
        ({"fps": "fast"}, "`fps` is 'fast'"),
        ({"fps": -1}, "`fps` is -1"),
        ({"features": {"a/b": STATE}}, "cannot be the name of a feature"),
        ({"features": {"timestamp": STATE}}, "cannot be the name of a feature"),
        ({"features": {"action": {"streams": []}}}, "names no stream"),
        ({"features": {"action": {"streams": "qpos"}}}, "must be a list of texts"),
        ({"features": {"action": {**STATE, "unit": "parsec"}}}, "want one of rad, deg"),
        ({"features": {"action": {**STATE, "dtype": "object"}}}, "want one of float32"),
        ({"task": "a\nb"}, "`task` must be a text"),
    ],
)
def test_an_invalid_mapping_is_refused_with_the_field(value: Any, words: str) -> None:
    with pytest.raises(BadMapping, match=words):
        parse_mapping(value)


def test_a_saved_mapping_comes_back_as_it_was_and_names_stay_in_the_folder(tmp_path: Path) -> None:
    mapping = parse_mapping(
        {"fps": 20, "task": "push", "features": {"observation.state": {**STATE, "unit": "rad_to_deg"}}}
    )
    save_mapping(tmp_path, "our arms", mapping)
    assert load_mapping(tmp_path, "our arms") == mapping and saved_names(tmp_path) == ["our arms"]
    with pytest.raises(BadMapping, match="saved are: our arms"):
        load_mapping(tmp_path, "others")
    for name in ("../evil", ".hidden", "", "a/b"):
        with pytest.raises(BadMapping, match="cannot be the name of a mapping"):
            save_mapping(tmp_path, name, mapping)
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(BadMapping, match=r"bad\.json is not valid JSON"):
        read_mapping(tmp_path / "bad.json")


def test_units_names_and_dtypes_are_those_of_the_mapping(tmp_path: Path) -> None:
    path = write_aloha(tmp_path / "a.hdf5", rows=3)
    names = tuple(f"j{n}" for n in range(14))
    rules = {
        "observation.state": Rule(("/observations/qpos",), names, unit="rad_to_deg"),
        "exact": Rule(("/action", "/observations/qvel"), dtype="float64"),
        "action": Rule(("/action",), unit="m"),
    }
    imported(path, tmp_path / "spool", Mapping(rules, fps=50))
    with Take.open(tmp_path / "spool/a") as take:
        features = take.manifest["features"]
        assert features["observation.state"]["names"] == list(names)
        assert [features[name].get("units") for name in rules] == [["°"] * 14, None, ["m"] * 14]
        assert math.isclose(float(take.column("observation.state")[1, 0]), 180 / math.pi, rel_tol=1e-6)
        assert take.column("exact").dtype == np.float64 and take.column("exact").shape == (3, 28)


def test_what_does_not_fit_the_recording_is_listed_as_a_whole(tmp_path: Path) -> None:
    recording, _ = one_of(write_aloha(tmp_path / "a.hdf5"))
    rules = {
        "action": Rule(("/nothing",)),
        "observation.state": Rule(("/observations/qpos",), ("one", "two")),
        "observation.images.x": Rule(("/observations/images/cam_high", "/observations/images/cam_low")),
        "both": Rule(("/observations/qpos", "/observations/images/cam_low")),
    }
    with pytest.raises(MisfitMapping) as refused:
        make_plan(recording, Mapping(rules, fps=50)).check()
    for words in (
        "no stream /nothing",
        "2 names for 14 values",
        "a camera has one stream, not 2",
        "both: a camera has",
    ):
        assert words in str(refused.value)


def test_values_that_the_dtype_cannot_hold_leave_no_take(tmp_path: Path) -> None:
    path = write_aloha(tmp_path / "a.hdf5", huge=np.full((12, 2), 1e300))
    with open_source(path) as source:
        (recording,) = source.recordings()
        plan = make_plan(recording, Mapping({"huge": Rule(("/huge",))}, fps=50))
        with pytest.raises(Exception, match=r"has 1e\+300 for huge at 0\.000 s, which float32 cannot hold"):
            import_recording(plan, tmp_path / "spool", "a", source=path, facts={})
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_take_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    path = write_aloha(tmp_path / "a.hdf5")
    assert imported(path, tmp_path / "spool").is_new
    written = (tmp_path / "spool/a/take.json").stat().st_mtime_ns
    assert not imported(path, tmp_path / "spool").is_new
    assert (tmp_path / "spool/a/take.json").stat().st_mtime_ns == written
    about = json.loads((tmp_path / "spool/a/take.json").read_text())["imported_from"]
    assert parse_mapping(about["mapping"]).features.keys() == {
        "action",
        "observation.state",
        "observation.images.cam_high",
        "observation.images.cam_low",
    }


def test_a_folder_stands_for_its_files_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    for name in ("episode_10.hdf5", "episode_2.hdf5", "notes.txt", ".hidden.hdf5"):
        (tmp_path / name).touch()
    assert [path.name for path in find_sources(tmp_path)] == ["episode_2.hdf5", "episode_10.hdf5"]


@pytest.mark.parametrize(
    ("module", "name"), [("h5py", "a.hdf5"), ("mcap.records", "a.mcap"), ("rosbags.highlevel", "a.bag")]
)
def test_without_its_package_a_reader_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    (tmp_path / name).write_bytes(b"\x89MCAP0\r\n")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackage, match=r"-m pip install -r /.+/requirements-imports\.txt`"):
        open_source(tmp_path / name)
