"""Subtasks and remarks: what is accepted, what is refused and with which words, and how they are cut."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from robotdata.spool.language import LONGEST_TEXT, MOST, Language, LanguageError, Remark, Subtask


def span(first: Any, end: Any, text: Any = "lift") -> dict[str, Any]:
    return {"first": first, "end": end, "text": text}


def test_it_reads_back_what_it_wrote_in_the_order_of_frames() -> None:
    value = {"subtasks": [span(20, 30, " put  down "), span(0, 12)], "remarks": [{"frame": 3, "text": "slower"}]}
    language = Language.parse(value, 30)
    assert language.subtasks == (Subtask(0, 12, "lift"), Subtask(20, 30, "put down"))
    assert language.remarks == (Remark(3, "slower"),)
    assert Language.parse(language.as_json(), 30) == language
    assert Language.parse(None, 30).as_json() is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "an object"),
        ({"subtask": []}, "an object"),
        ({"subtasks": {}}, "is a list"),
        ({"subtasks": [span(n, n + 1) for n in range(10_000)]}, "at most 1,000"),
        ({"subtasks": [span(-1, 5)]}, "outside of the episode"),
        ({"subtasks": [span(5, 5)]}, "outside of the episode"),
        ({"subtasks": [span(0, 31)]}, "outside of the episode"),
        ({"subtasks": [span(math.nan, 5)]}, "a whole number"),
        ({"subtasks": [span(True, 5)]}, "a whole number"),
        ({"subtasks": [span(0, 9), span(8, 12)]}, "overlap"),
        ({"subtasks": [span(0, 9, "x" * 1_000_000)]}, f"at most {LONGEST_TEXT}"),
        ({"subtasks": [span(0, 9, " \n ")]}, "say what is done"),
        ({"subtasks": [span(0, 9, "a\x00b")]}, "control characters"),
        ({"subtasks": [span(0, 9, "a\ud800b")]}, "control characters"),
        ({"subtasks": [span(0, 9, 3)]}, "has no text"),
        ({"subtasks": [span(0, 9) | {"color": "red"}]}, "an object with"),
        ({"remarks": [{"frame": 30, "text": "now"}]}, "has no frame 30"),
        ({"remarks": [{"frame": 2, "text": "now", "role": "system"}]}, "user or assistant"),
        ({"remarks": [{"frame": 2, "text": "now"}] * 2}, "twice"),
    ],
)
def test_it_refuses_with_what_and_where(value: Any, said: str) -> None:
    with pytest.raises(LanguageError, match=said):
        Language.parse(value, 30)


def drawn(chance: random.Random, length: int) -> Language:
    """Some subtasks, with and without gaps, and some remarks."""
    cuts = sorted(chance.sample(range(length + 1), min(length + 1, chance.randint(2, 9))))
    spans = [Subtask(a, b, f"do {a}") for a, b in zip(cuts, cuts[1:], strict=False) if chance.random() < 0.7]
    frames = sorted(chance.sample(range(length), min(length, 4)))
    return Language(tuple(spans), tuple(Remark(frame, f"at {frame}") for frame in frames))


def by_frame(language: Language, length: int) -> list[tuple[str, list[str]]]:
    """What is said of each frame."""
    return [
        (
            next((s.text for s in language.subtasks if s.first <= frame < s.end), ""),
            [remark.text for remark in language.remarks if remark.frame == frame],
        )
        for frame in range(length)
    ]


def test_a_cut_says_of_each_frame_that_stays_what_was_said_before() -> None:
    chance = random.Random(5)
    for _ in range(300):
        length = chance.randint(1, 60)
        language = drawn(chance, length)
        first = chance.randrange(length)
        end = chance.randint(first + 1, length)
        cut = language.within(first, end)
        assert by_frame(cut, end - first) == by_frame(language, length)[first:end]
        assert Language.parse(cut.as_json(), end - first) == cut
    assert len(drawn(chance, 60).subtasks) <= MOST
