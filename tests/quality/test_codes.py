"""The list of mark codes is the only one: rules, the rig's marks and docs/quality.md agree with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from robotdata.capture.health import TEXTS
from robotdata.quality.codes import LABELS, MEASURED, REPORTED
from robotdata.quality.mark import Mark

ROOT = Path(__file__).parents[2]


def test_the_page_about_quality_names_every_code_and_no_other() -> None:
    page = (ROOT / "docs/quality.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    named = {code for row in rows for code in re.findall(r"`(\w+)`", row)}
    assert named - {"fields"} == MEASURED.keys()
    paragraph = page[page.index("While it records, the rig itself flags") :].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", paragraph)) == REPORTED.keys()


def test_the_rules_mark_nothing_else() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "robotdata/quality").glob("*.py"))
    used = set(re.findall(r"\b[mM]ark\((?:\s*take,)?\s*\"(\w+)\"", rules))
    assert len(used) > 20 and used <= MEASURED.keys()
    assert all(f'"{code}"' in rules for code in MEASURED)


def test_a_mark_with_another_code_is_an_error() -> None:
    with pytest.raises(ValueError, match="tilted"):
        Mark("tilted", None, None, 0, 1, "warn", "The camera is tilted.")


def test_the_rigs_marks_are_the_states_of_a_camera() -> None:
    assert TEXTS.keys() == REPORTED.keys() <= LABELS.keys()
