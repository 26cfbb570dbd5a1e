"""What people say of an episode's frames: subtasks that last, and remarks at one frame. Parsed here, with limits.

LeRobot keeps both in columns of the rows (`robotdata.dataset.language`); a take keeps them in `take.json`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from robotdata.capture.texts import tidy_task
from robotdata.numbers import count, frame_range

MOST = 1000
"""Most subtasks of an episode, and most remarks."""
LONGEST_TEXT = 500
MOST_REPEATED = 192 << 20
"""Memory in bytes that the subtasks of an episode may take, because a dataset repeats all of them in each row."""
_ENTRY_BYTES = 84
"""Bytes of a subtask in one row, besides its text."""
ROLES = ("user", "assistant")
"""Who a remark is from, in LeRobot's words: a person, or the robot."""


class LanguageError(ValueError):
    """A value is not the language of an episode. The message says what is wrong, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Subtask:
    """What is done in the frames [first, end)."""

    first: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Remark:
    """What is said at a frame; LeRobot's style `interjection`."""

    frame: int
    text: str
    role: str = "user"


@dataclass(frozen=True, slots=True)
class Language:
    """The subtasks and remarks of an episode, each in the order of their frames. Subtasks do not overlap."""

    subtasks: tuple[Subtask, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.subtasks or self.remarks)

    @classmethod
    def parse(cls, value: Any, length: int) -> Language:
        """Return the language in JSON values, of an episode of `length` frames; None is none. Raises LanguageError."""
        if value is None:
            return cls()
        if not isinstance(value, Mapping) or value.keys() - {"subtasks", "remarks"}:
            raise LanguageError("language is an object with `subtasks` and `remarks`")
        subtasks = [_subtask(item, n, length) for n, item in enumerate(_items(value, "subtasks"))]
        remarks = [_remark(item, n, length) for n, item in enumerate(_items(value, "remarks"))]
        subtasks.sort(key=lambda each: each.first)
        for one, other in pairwise(subtasks):
            if other.first < one.end:
                raise LanguageError(
                    f"the subtasks {one.text!r:.60} ({frame_range(one.first, one.end)}) and {other.text!r:.60} "
                    f"({frame_range(other.first, other.end)}) overlap: end one before the other begins"
                )
        following = [*(each.first for each in subtasks[1:]), length]
        ends = sum(each.end < after for each, after in zip(subtasks, following, strict=False))  # entries of their own
        check_repeated(len(subtasks) + ends, sum(len(each.text.encode()) for each in subtasks), length)
        remarks.sort(key=lambda each: (each.frame, each.role, each.text))
        for one_, other_ in pairwise(remarks):
            if one_ == other_:
                raise LanguageError(f"frame {one_.frame} has the remark {one_.text!r:.60} twice: give it once")
        return cls(tuple(subtasks), tuple(remarks))

    def as_json(self) -> dict[str, Any] | None:
        """Return JSON values, which `parse` reads; None without subtasks and remarks."""
        if not self:
            return None
        return {
            "subtasks": [{"first": each.first, "end": each.end, "text": each.text} for each in self.subtasks],
            "remarks": [{"frame": each.frame, "text": each.text, "role": each.role} for each in self.remarks],
        }

    def within(self, first: int, end: int) -> Language:
        """Return what is in the frames [first, end), counted from `first`; subtasks are cut at both ends."""
        subtasks = (Subtask(max(s.first, first) - first, min(s.end, end) - first, s.text) for s in self.subtasks)
        remarks = (Remark(r.frame - first, r.text, r.role) for r in self.remarks if first <= r.frame < end)
        return Language(tuple(each for each in subtasks if each.first < each.end), tuple(remarks))


def check_repeated(entries: int, text_bytes: int, length: int) -> None:
    """Raise LanguageError if so many entries cannot be repeated in each of `length` rows and read again."""
    size = length * (entries * _ENTRY_BYTES + text_bytes)
    if size > MOST_REPEATED:
        raise LanguageError(
            f"each of the {count(length, 'frame')} holds all {entries:,} entries of subtasks in a dataset, which take "
            f"{size >> 20:,} MiB, and at most {MOST_REPEATED >> 20} MiB can be read: set fewer or shorter ones, or cut "
            "the episode in two first"
        )


def _items(value: Mapping[str, Any], name: str) -> list[Any]:
    items = value.get(name, [])
    if not isinstance(items, list):
        raise LanguageError(f"{name} is a list")
    if len(items) > MOST:
        raise LanguageError(f"there are {len(items):,} {name}; an episode holds at most {MOST:,}")
    return items


def _subtask(item: Any, number: int, length: int) -> Subtask:
    where = f"subtask {number + 1}"
    fields = _object(item, where, {"first", "end", "text"})
    first, end = (_frame(fields.get(name), f"{where}: {name}") for name in ("first", "end"))
    if not 0 <= first < end <= length:
        raise LanguageError(
            f"{where}: [{first}, {end}) lies outside of the episode, which has {frame_range(0, length)}"
        )
    return Subtask(first, end, _text(fields.get("text"), where))


def _remark(item: Any, number: int, length: int) -> Remark:
    where = f"remark {number + 1}"
    fields = _object(item, where, {"frame", "text", "role"})
    frame, role = _frame(fields.get("frame"), f"{where}: frame"), fields.get("role", "user")
    if not 0 <= frame < length:
        raise LanguageError(f"{where}: the episode has no frame {frame}; it has {frame_range(0, length)}")
    if role not in ROLES:
        raise LanguageError(f"{where}: its role is {' or '.join(ROLES)}")
    return Remark(frame, _text(fields.get("text"), where), role)


def _object(item: Any, where: str, names: set[str]) -> Mapping[str, Any]:
    if not isinstance(item, Mapping) or item.keys() - names:
        raise LanguageError(f"{where} is an object with {', '.join(sorted(names))}")
    return item


def _frame(value: Any, where: str) -> int:
    if type(value) is not int:
        raise LanguageError(f"{where} is a frame, a whole number from 0")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise LanguageError(f"{where} has no text")
    if len(value) > LONGEST_TEXT:
        raise LanguageError(f"{where}: its text has {len(value):,} characters; at most {LONGEST_TEXT} fit")
    text = tidy_task(value)
    if not text:
        raise LanguageError(f"{where} has no text: say what is done")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise LanguageError(f"{where}: its text has control characters; remove them")
    return text
