"""The text of a rig file: every error has its line and its key."""

from __future__ import annotations

import pytest

from robotdata.station.rig_text import describe, line_of, read_rig_text
from tests.station.conftest import sim

FILE = """# my arm
[rig]
name = "arm"
fps = 30

[robot]
kind = "sim"

[teleoperator]
kind = "autopilot"

# the camera in front
[cameras.front]
kind = "pyav"
url = "v4l2:/dev/video0"
width = 640
height = 480
"""


def test_a_right_file_has_no_errors() -> None:
    parsed = read_rig_text(FILE, "arm")
    assert (parsed.name, parsed.errors, parsed.device("robot")) == ("arm", [], "sim")
    assert parsed.tables["cameras"]["front"]["url"] == "v4l2:/dev/video0"


@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ("fps = 30", "fps = 0", 4, "rig.fps"),
        ("fps = 30", "fsp = 30", 4, "rig.fsp"),
        ('name = "arm"', 'name = "a b"', 3, "rig.name"),
        ('name = "arm"', 'name = "other"', 3, "rig.name"),
        ('name = "arm"\n', "", 2, "rig.name"),  # the table that lacks it
        ("width = 640", "width = 641", 16, "cameras.front.width"),
        ("width = 640", "depth = 3", 16, "cameras.front.depth"),
        ('kind = "sim"', "kind = 5", 7, "robot.kind"),
        ("[cameras.front]", "[cameras.'a b']", 13, "cameras.'a b'"),
        ("[cameras.front]", "[camera.front]", 13, "camera"),
        ("[robot]\n", '[robot]\nnote = """\n[x]\n"""\naction = "both"\n', 10, "robot.action"),
        ("fps = 30", "fps = 30 30", 4, ""),
        ("height = 480\n", "height = [1,\n", 17, ""),
        ("fps = 30", f"fps = {'9' * 5000}", None, ""),
        ("fps = 30", f"fps = {'[' * 5000}", None, ""),
    ],
)
def test_an_error_has_its_line_and_key(old: str, new: str, line: int | None, key: str) -> None:
    assert old in FILE
    (error,) = read_rig_text(FILE.replace(old, new, 1), "arm").errors
    assert (error["line"], error["key"]) == (line, key), error
    assert error["message"] and (not key or key in describe(error))


def test_the_line_of_a_table_in_a_list() -> None:
    text = '[[processor]]\nat = "robot"\n\n[[processor]]\nkind = "lerobot"\nat = "robto"\n'
    assert line_of(text, "processor[2].at") == 6
    assert line_of(text, "processor[2].make") == 4 and line_of(text, "processor[3].at") == 1


def test_the_line_of_an_inline_table_is_the_tables() -> None:
    text = 'rig = { name = "arm", fps = 30 }\ncameras.front = { kind = "sim", width = 7 }\n'
    assert line_of(text, "cameras.front.width") == 2
    assert line_of(text, "nothing.of.that") is None


def test_values_that_json_lacks_become_text() -> None:
    text = sim().replace('[robot]\nkind = "sim"', '[robot]\nkind = "sim"\nmade = 2026-01-02\nat = 03:04:05')
    assert read_rig_text(text).tables["robot"] == {"kind": "sim", "made": "2026-01-02", "at": "03:04:05"}
