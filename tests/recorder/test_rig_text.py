"""The text of a rig file and its form: values change at their places, comments stay, and a lost one is named."""

from __future__ import annotations

import tomllib
from collections import Counter
from typing import Any

import pytest

from recorder.errors import Refused
from recorder.live.rig_text import (
    TextProblem,
    edit_text,
    free_name,
    new_text,
    parse_value,
    read_tables,
    set_values,
)
from robotdata.capture.config import parse_config

WITH_COMMENTS = """# the arm at the window
[rig]
# its name
name = "arm"  # short
fps = 30

[robot]
kind = "lerobot"
type = "so101_follower"
port = "/dev/ttyACM0"  # the left plug

[teleoperator]
kind = "autopilot"

[cameras.front]  # over the table
kind = "pyav"
url = "v4l2:/dev/video0"
"""
ONE_LINERS = """rig = { name = "so101", fps = 30 }
robot = { kind = "sim" }
teleoperator = { kind = "autopilot" }
cameras.front = { kind = "sim", width = 640 }  # close
"""


SCATTERED = """# top
[cameras.front]  # f
kind = "sim"
[rig]  # r
name = "a"
fps = 30
# The other camera stands left.
[cameras.wrist]  # w
kind = "sim"  # k
[robot]
kind = "sim"
"""
DOTTED = """rig.name = "a"  # n
rig.fps = 30
robot.kind = "sim"  # s

# Moves by itself.
[teleoperator]
kind = "autopilot"
"""
TEXTS = [WITH_COMMENTS, ONE_LINERS, SCATTERED, DOTTED, new_text("a"), new_text("a", simulated=True)]


def edited(text: str, *path_and_value: Any) -> str:
    """The text with one value set, by its path."""
    *path, last, value = path_and_value
    tables = place = read_tables(text)
    for key in path:
        place = place.setdefault(key, {})
    place[last] = value
    result = edit_text(text, tables)
    assert result.lost == []
    assert tomllib.loads(result.text) == tables
    return result.text


def test_a_value_changes_at_its_place_and_nothing_else() -> None:
    assert edited(WITH_COMMENTS, "rig", "fps", 25) == WITH_COMMENTS.replace("fps = 30", "fps = 25")
    port = edited(WITH_COMMENTS, "robot", "port", "/dev/ttyACM1")
    assert port == WITH_COMMENTS.replace("ttyACM0", "ttyACM1")
    assert edited(ONE_LINERS, "cameras", "front", "width", 320) == ONE_LINERS.replace("640", "320")


@pytest.mark.parametrize("text", [*TEXTS, ""])
def test_what_is_the_same_stays_byte_for_byte(text: str) -> None:
    assert edit_text(text, read_tables(text)).text == text


@pytest.mark.parametrize("text", [*TEXTS, "# empty\n"])
def test_a_camera_and_keys_are_added(text: str) -> None:
    added = edited(text, "cameras", "top", {"kind": "pyav", "url": "v4l2:/dev/video2", "fps": 12.5})
    assert "top" in added and "\n\n\n" not in added
    edited(added, "robot", "left_arm_config", {"port": "/dev/a", "ids": [1, 2]})
    edited(added, "rig", "python", "~/lab/bin/python")


def paths(tables: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every key, of tables and of values."""
    inner = [path for key, value in tables.items() if isinstance(value, dict) for path in paths(value, (*above, key))]
    return [*((*above, key) for key in tables), *inner]


@pytest.mark.parametrize("text", TEXTS)
def test_no_change_loses_a_comment_without_naming_it(text: str) -> None:
    comments = [line[line.index("#") :] for line in text.splitlines() if "#" in line]
    for path in paths(read_tables(text)):
        for value in (None, 7, {"more": True}):
            tables = place = read_tables(text)
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            result = edit_text(text, tables)
            kept = [line[line.index("#") :] for line in result.text.splitlines() if "#" in line]
            assert Counter(comments) - Counter(kept + result.lost) == Counter(), (path, value)
            found: Any = read_tables(result.text)
            for key in path:
                found = found.get(key) if isinstance(found, dict) else None
            assert found == value


def test_a_new_key_stands_above_the_words_about_the_next_table() -> None:
    added = edited(SCATTERED, "rig", "python", "~/lab")
    assert added.index("python") < added.index("# The other camera") < added.index("[cameras.wrist]")


def test_a_comment_that_goes_with_its_table_is_named() -> None:
    tables = read_tables(WITH_COMMENTS)
    del tables["cameras"]
    del tables["robot"]["port"]
    result = edit_text(WITH_COMMENTS, tables)
    assert sorted(result.lost) == ["# over the table", "# the left plug"]
    assert "# the arm at the window" in result.text and "# short" in result.text


def test_a_sign_in_a_string_is_no_comment() -> None:
    text = '[rig]\nname = "a#b"  # real\nnote = """\n# no\n"""\n'
    result = edit_text(text, {})
    assert result.lost == ["# real"]


def test_none_removes_a_key_and_an_empty_table_is_left_out() -> None:
    tables = read_tables(WITH_COMMENTS) | {"cameras": {}}
    tables["rig"]["fps"] = None
    text = edit_text(WITH_COMMENTS, tables).text
    assert "fps" not in text and "cameras" not in text


@pytest.mark.parametrize(
    ("text", "line"),
    [("[rig\n", 1), ("[rig]\nname = \n", 2), ("a = 1\na = 2\n", 2), ('[rig]\nname = "abc', 2), ("[[x]\n", 1)],
)
def test_an_error_names_its_line(text: str, line: int) -> None:
    with pytest.raises(Refused) as refused:
        read_tables(text)
    assert (refused.value.code, refused.value.detail["errors"][0]["line"]) == ("invalid", line)


def test_values_are_written_as_toml() -> None:
    assert parse_value('{ port = "/dev/a", ids = [1, 2] }') == {"port": "/dev/a", "ids": [1, 2]}
    tables = set_values({"robot": {"kind": "x"}}, [(["robot", "left"], "[1, 2]"), (["robot", "old"], "")])
    assert tables == {"robot": {"kind": "x", "left": [1, 2], "old": None}}
    for wrong in ("[1, ", "1\nother = 2", "{ a = }"):
        with pytest.raises(Refused) as refused:
            set_values({}, [(["robot", "left"], wrong)])
        assert refused.value.detail["errors"][0]["key"] == "robot.left"


def test_what_json_cannot_hold_survives_an_edit() -> None:
    text = '[rig]\nname = "a"\nfps = 30\nwhen = 2026-11-29T12:00:00Z\nmost = inf\nodd = nan\n'
    tables = read_tables(text)
    tables["rig"]["fps"] = 15
    assert edit_text(text, tables).text == text.replace("30", "15")


def test_nesting_has_an_end() -> None:
    deep: Any = 1
    for _ in range(50):
        deep = {"a": deep}
    with pytest.raises(Refused):
        edit_text("", {"rig": deep})
    with pytest.raises(Refused):
        read_tables("a = " + "[" * 5000)


def test_new_rigs_get_a_free_name_and_the_simulated_one_is_whole() -> None:
    assert free_name("sim", []) == "sim"
    assert free_name("sim", ["SIM", "sim-2"]) == "sim-3"
    assert free_name("sim-2", ["sim-2", "sim"]) == "sim-3"
    config = parse_config(tomllib.loads(new_text("sim-3", simulated=True)), "new")
    assert (config.name, config.robot.kind, [camera.name for camera in config.cameras]) == (
        "sim-3",
        "sim",
        ["front", "wrist"],
    )


STEPS = """[rig]
name = "a"

[[processor]]
kind = "lerobot"
at = "teleoperator"  # the first
make = "lab:Hand"

[[processor]]
# the second
kind = "lerobot"
at = "robot"
make = "lab:Joints"
"""


def test_processors_are_changed_moved_and_removed_with_their_comments() -> None:
    tables = read_tables(STEPS)
    first, second = tables["processor"]
    moved = edit_text(STEPS, {**tables, "processor": [second, first]})
    assert moved.lost == [] and moved.text.index("# the second") < moved.text.index("# the first")
    removed = edit_text(STEPS, {**tables, "processor": [second]})
    assert removed.lost == ["# the first"] and "# the second" in removed.text
    added = edit_text(
        STEPS, {**tables, "processor": [first, {**second, "urdf": "x"}, {"kind": "lerobot", "at": "robot"}]}
    )
    assert added.lost == [] and added.text.startswith(STEPS.rstrip()) and added.text.count("\n[[processor]]") == 3
    assert edit_text(STEPS, {**tables, "processor": None}).text.count("processor") == 0


def test_a_value_of_a_processor_is_written_as_toml() -> None:
    tables = read_tables(STEPS)
    changed = set_values(tables, [(["processor", "1", "limits"], "[1, 2]")])
    assert changed["processor"][1]["limits"] == [1, 2]
    for path in (["processor", "2", "limits"], ["processor", "x", "limits"]):
        with pytest.raises(TextProblem, match="not inside a table"):
            set_values(tables, [(path, "1")])
