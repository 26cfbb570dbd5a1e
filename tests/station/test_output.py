"""What is kept of a rig's output."""

from __future__ import annotations

from robotdata.station.output import LINE_CHARACTERS, Output
from robotdata.station.protocol import LAST_WORDS


def collected(*pieces: bytes) -> tuple[list[str], list[str]]:
    """The kept lines, and all lines."""
    every: list[str] = []
    output = Output(every.append)
    for piece in pieces:
        output.add(piece)
    output.end()
    return list(output.lines), every


def test_lines_come_whole_however_they_are_cut() -> None:
    text = "übung eins\nzwei\n\ndrei".encode()
    assert collected(*(text[n : n + 1] for n in range(len(text))))[1] == ["übung eins", "zwei", "drei"]


def test_only_the_newest_lines_are_kept() -> None:
    kept, every = collected(b"".join(b"%d\n" % n for n in range(100)))
    assert len(every) == 100 and kept == [str(n) for n in range(100 - LAST_WORDS, 100)]


def test_a_line_without_end_is_cut() -> None:
    kept, _ = collected(*[b"x" * 10_000] * 100, b"\nnext\n")
    assert [len(line) for line in kept] == [LINE_CHARACTERS, 4] and kept[0].endswith("…")


def test_what_a_terminal_would_obey_is_removed() -> None:
    assert collected(b"\x1b[31mred\x1b[0m\tand\x07 \xff\r50 %\r100 %\n")[0] == ["red and  \\xff", "50 %", "100 %"]
