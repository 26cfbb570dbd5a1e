"""The pages say what is so: generated pages are up to date; what they name (paths, links, commands, code) exists."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
RESULTS = sorted((ROOT / "bench/results").glob("*.md"))
GENERATED = {"faults.md"}  # its table has one long line a test
WIDTH = 120
# `path`, `path: name()` or `path/*.py`, of a folder of this repository.
TOPS = "robotdata|recorder|viewer|static|templates|tests|bench|docs"
NAMED_PATH = re.compile(rf"(?<![\w/.<>'\x22-])((?:{TOPS})/[\w./*-]*\w)")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
PLACED_NAME = re.compile(rf"`(_?[A-Za-z][\w.]*)`\s+(?:\(|in\s+)`((?:{TOPS})/[\w./]+\.(?:py|js))`")
# The pages name the rooms of recorder/; until it is divided there is nothing to compare them with.
IS_DIVIDED = (ROOT / "recorder/live").is_dir()


def where(page: Path, text: str, at: int) -> str:
    return f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, at) + 1}"


def missing_paths(page: Path) -> Iterator[str]:
    text = page.read_text()
    for match in NAMED_PATH.finditer(text):
        name = match[1]
        if (IS_DIVIDED or not name.startswith("recorder/")) and not any(ROOT.glob(name)):
            yield f"{where(page, text, match.start())}: {name}"


def missing_links(page: Path) -> Iterator[str]:
    text = page.read_text()
    for match in LINK.finditer(text):
        if not (page.parent / match[1]).exists():
            yield f"{where(page, text, match.start())}: {match[1]}"


def missing_commands(page: Path) -> Iterator[str]:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = {path.stem for path in (ROOT / "recorder/management/commands").glob("*.py")} | {"migrate"}
    for match in re.finditer(r"(?:(?<=`)|^ {4}|(?<==\d ))make ([a-z]+)", text, re.MULTILINE):
        if match[1] not in targets:
            yield f"{where(page, text, match.start())}: {match[0].strip()}"
    for match in re.finditer(r"manage\.py ([a-z]+)", text):
        if match[1] not in commands:
            yield f"{where(page, text, match.start())}: {match[0]}"


def undefined_names(page: Path) -> Iterator[str]:
    """The names that a page places in a file, as `Name` (`path`), which does not define them."""
    text = page.read_text()
    for match in PLACED_NAME.finditer(text):
        name, path = match[1].rpartition(".")[2], ROOT / match[2]
        defined = rf"(?m)\b(?:def|class|function|const|let) +{name}\b|^ *(?:async )?{name}\(.*\{{$|^{name}\b[^=\n]*="
        if path.is_file() and not re.search(defined, path.read_text()):
            yield f"{where(page, text, match.start())}: {match[1]} in {match[2]}"


def long_lines(page: Path) -> Iterator[str]:
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if len(line) > WIDTH and not line.startswith("|"):
            yield f"{page.relative_to(ROOT)}:{number}: {len(line)} characters"


@pytest.mark.parametrize("script", ["fault_table.py", "draw_layers.py"])
def test_generated_pages_are_up_to_date(script: str) -> None:
    done = subprocess.run([sys.executable, f"bench/{script}", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_pages_name_paths_links_and_commands_that_exist() -> None:
    assert len(PAGES) > 10 and len(RESULTS) > 5
    found = [line for page in [*PAGES, *RESULTS] for line in (*missing_paths(page), *missing_links(page))]
    found += [line for page in [*PAGES, *RESULTS] for line in missing_commands(page)]
    assert found == []


def test_pages_place_names_in_the_files_that_define_them() -> None:
    assert sum(len(PLACED_NAME.findall(page.read_text())) for page in PAGES) > 50
    assert [line for page in PAGES for line in undefined_names(page)] == []


def test_pages_are_wrapped() -> None:
    wrapped = [page for page in [*PAGES, *RESULTS] if page.name not in GENERATED]
    assert [line for page in wrapped for line in long_lines(page)] == []
