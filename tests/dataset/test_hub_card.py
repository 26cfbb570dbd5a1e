"""The card of a dataset says what is in it; what strangers wrote in it is text and nothing else."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from robotdata.dataset import set_tasks
from robotdata.dataset.hub.card import LICENCES, card_of, code
from tests.dataset.conftest import Bench


def head_of(card: str) -> dict[str, object]:
    return dict(yaml.safe_load(card.split("---\n")[1]))


def test_it_says_what_is_in_the_dataset(six: Bench) -> None:
    card = card_of(six.open(), title="Cubes", repository="olga/cubes", licence="cc-by-4.0")
    head = head_of(card)
    assert (head["license"], head["task_categories"], head["tags"]) == ("cc-by-4.0", ["robotics"], ["LeRobot"])
    assert head["configs"] == [{"config_name": "default", "data_files": "data/chunk-*/file-*.parquet"}]
    assert "| Episodes | 6 |" in card and "| Frames | 33 |" in card and "| Rate | 30 fps |" in card
    assert "| `observation.images.front` | 272 x 64 | color | `h264` |" in card
    assert "`joint_0.pos`, `joint_1.pos`" in card and "- `task 0`: 3 episodes" in card
    assert 'LeRobotDataset("olga/cubes")' in card
    assert "license" not in head_of(card_of(six.open(), title="Cubes", repository="olga/cubes"))


HOSTILE = [
    "a\n---\nlicense: evil\n",
    "`` ` ```",
    "<script>alert(1)</script> [x](javascript:1) | cell | ![](http://a/b.png)",
    "# heading\r\n- item\x00\x1b[31m",
    "\u202eright to left",
    '": {evil: 1}',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_strangers_is_one_code_span_and_one_scalar(six: Bench, text: str) -> None:
    plain = head_of(card_of(six.open(), title="x", repository="a/b"))
    set_tasks(six.root, {0: text.replace("\x00", "").replace("\x1b", "") or "x"}, **six.places)
    info = six.root / "meta/info.json"
    value = json.loads(info.read_text())
    info.unlink()
    info.write_text(json.dumps({**value, "robot_type": text}))
    card = card_of(six.open(), title=text, repository="a/b")
    assert head_of(card).keys() == plain.keys()
    assert {**head_of(card), "pretty_name": 0} == {**plain, "pretty_name": 0}
    assert card.count("\n---\n") == plain_count(six)
    for line in card.split("\n---\n", 1)[1].splitlines():
        assert line.isprintable()
        outside = strip_spans(line)
        assert "<" not in outside and "](" not in outside and "http" not in outside


def plain_count(six: Bench) -> int:
    return card_of(six.open(), title="x", repository="a/b").count("\n---\n")


def strip_spans(line: str) -> str:
    """The line without its code spans, as Markdown reads them: a run of backticks up to one of the same length."""
    return re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", line)


@pytest.mark.parametrize("text", ["`", "``", "a`b``c", "`a`", " "])
def test_a_code_span_holds_any_backticks(text: str) -> None:
    assert strip_spans(f"x {code(text)} y") == "x  y"


def test_the_licences_are_ones_that_the_hub_knows() -> None:
    assert "apache-2.0" in LICENCES and all(each == each.lower() and " " not in each for each in LICENCES)
