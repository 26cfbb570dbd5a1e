"""Write docs/faults.md: which test module holds which fault, from the docstrings of the modules in tests/faults.

    python bench/fault_table.py            # write the page
    python bench/fault_table.py --check    # exit code 1 when the page is out of date or a docstring names no fault

A docstring begins with its faults and its subject: `F01, F02: A rig is killed while it records.` The rest of the first
paragraph, and the paragraphs after it, become part of the table's cell.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests/faults"
PAGE = ROOT / "docs/faults.md"
NUMBERS = re.compile(r"(F\d\d(?:, F\d\d)*): (?=\S)")
HEAD = """# Which test holds which fault

`make docs` writes this page from the docstrings of the modules in `tests/faults`; edit those. The tests of the rooms
(`tests/video`, `tests/spool`, ...) hold the same faults for single functions. What no test covers is in
[reliability.md](reliability.md).

| fault | test | what happens, and what holds |
|---|---|---|
"""


class NoSubject(Exception):
    """A test module whose docstring does not begin with its faults and its subject."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    faults: tuple[str, ...]
    module: str
    text: str

    def __str__(self) -> str:
        return f"| {', '.join(self.faults)} | `{self.module}` | {self.text} |"


def read_line(path: Path) -> Line:
    """Return the table's line for the test module at `path`. Raises NoSubject."""
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    text = " ".join(docstring.replace("|", "\\|").split())
    head = NUMBERS.match(text)
    if head is None:
        raise NoSubject(f"{path.relative_to(ROOT)}: want a docstring that begins like 'F01: A rig is killed ...'")
    return Line(tuple(head[1].split(", ")), path.name, text[head.end() :])


def read_lines() -> tuple[list[Line], list[str]]:
    """Return the table's lines in the order of their faults, and what is wrong with docstrings."""
    lines, problems = [], []
    for path in sorted(TESTS.glob("test_*.py")):
        try:
            lines.append(read_line(path))
        except NoSubject as error:
            problems.append(str(error))
    return sorted(lines, key=lambda line: (line.faults, line.module)), problems


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when the page is out of date")
    check = parser.parse_args().check
    lines, problems = read_lines()
    page = HEAD + "".join(f"{line}\n" for line in lines)
    if check and (not PAGE.is_file() or PAGE.read_text() != page):
        problems.append(f"{PAGE.relative_to(ROOT)} is out of date. Run `make docs`.")
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    if not check and not problems:
        PAGE.write_text(page)
    return bool(problems)


if __name__ == "__main__":
    raise SystemExit(main())
