"""Small files with one idea: lines per file, per function, per template and per script; each test lists offenders."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [
    p for top in ("robotdata", "recorder", "viewer") for p in (ROOT / top).rglob("*.py") if "migrations" not in p.parts
]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static/js").rglob("*.js"))
FILE_LINES, FUNCTION_LINES, TEMPLATE_LINES, SCRIPT_LINES = 400, 60, 120, 200
FORBIDDEN_IN_TEMPLATES = {
    r"\son[a-z]+=": "an inline handler: the CSP forbids it",
    r"<script(?![^>]*\bsrc=)(?![^>]*application/json)": "an inline script: the CSP forbids it",
    r"\sstyle=": "an inline style: the CSP forbids it",
    r"\|safe": "people's words are text, never markup",
}


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def too_long(paths: list[Path], most: int) -> list[str]:
    return [f"{path.relative_to(ROOT)}: {lines(path)} lines" for path in paths if lines(path) > most]


def long_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {length} lines"


def test_source_files_are_small() -> None:
    assert len(SOURCES) > 200
    assert too_long(SOURCES, FILE_LINES) == []


def test_functions_are_small() -> None:
    assert [found for path in SOURCES for found in long_functions(path)] == []


def test_templates_are_small_and_without_inline_code() -> None:
    assert len(TEMPLATES) > 40
    assert too_long(TEMPLATES, TEMPLATE_LINES) == []
    found = [
        f"{path.relative_to(ROOT)}: {why}"
        for path in TEMPLATES
        for pattern, why in FORBIDDEN_IN_TEMPLATES.items()
        if re.search(pattern, path.read_text())
    ]
    assert found == []


def test_scripts_are_small_and_write_no_markup() -> None:
    assert len(SCRIPTS) > 40
    assert too_long(SCRIPTS, SCRIPT_LINES) == []
    assert [str(path.relative_to(ROOT)) for path in SCRIPTS if "innerHTML" in path.read_text()] == []


def unsafe(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
            for name in {"pickle", "joblib", "marshal", "shelve"} & {n.split(".")[0] for n in names}:
                yield f"{path.relative_to(ROOT)}:{node.lineno} imports {name}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}:
            yield f"{path.relative_to(ROOT)}:{node.lineno} calls {node.func.id}"


def test_nothing_unpickles_or_evaluates() -> None:
    assert [found for path in SOURCES for found in unsafe(path)] == []


def test_texts_are_plain_english() -> None:
    done = subprocess.run([sys.executable, ROOT / "bench/wordlist.py"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "wordlist: nothing found\n")


def test_modules_that_share_a_product_fill_datasets_of_their_own() -> None:
    """What one module of tests/browser filled is still there for the next: two that fill one dataset collide."""
    filled: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests/browser").glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"fill", "filled"}
            ):
                continue
            for slug in (
                arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
            ):
                filled.setdefault(slug, set()).add(path.name)
    assert len(filled) > 10
    assert {slug: modules for slug, modules in filled.items() if len(modules) > 1} == {}
