"""What the browser is given: vendored files as they were taken, names that exist, one set of colours."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

ROOT = Path(__file__).resolve().parent.parent.parent
VENDOR = ROOT / "static/vendor"
SHEETS = sorted((ROOT / "static/css").glob("*.css"))
SCRIPTS = sorted((ROOT / "static/js").rglob("*.js"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def vendored() -> dict[str, str]:
    rows = re.findall(r"^\| ([\w.-]+) \| [@/\w.-]+ \| [\d.]+ \| [\w-]+ \| ([0-9a-f]{64}) \|$", readme(), re.M)
    return dict(rows)


def readme() -> str:
    return (VENDOR / "README.md").read_text()


def test_it_lists_every_vendored_file_with_its_sum() -> None:
    ours = {p.name for p in VENDOR.iterdir() if p.is_file() and p.suffix in {".js", ".mjs", ".css"}}
    assert ours <= vendored().keys()


@pytest.mark.parametrize(("name", "sha256"), vendored().items())
def test_it_ships_vendored_files_unchanged(name: str, sha256: str) -> None:
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == sha256


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_it_imports_scripts_that_are_there(path: Path) -> None:
    for name in re.findall(r'from "(\.[^"]+)"', path.read_text()):
        assert (path.parent / name).is_file(), name


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_it_asks_nothing_from_another_host(path: Path) -> None:
    assert not re.search(r"https?://(?!www\.w3\.org)", path.read_text())


def test_it_names_static_files_that_are_there() -> None:
    for path in TEMPLATES:
        for name in re.findall(r"\{% static '([^']+)' %\}", path.read_text()):
            assert finders.find(name), f"{path.name} names {name}"


def test_it_uses_icons_that_are_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (ROOT / "static/icons.svg").read_text()))
    used = {name for path in TEMPLATES for name in re.findall(r'_icon\.html" with name="([\w-]+)"', path.read_text())}
    assert used <= drawn


def test_it_uses_colours_that_have_a_name_in_both_themes() -> None:
    tokens = (ROOT / "static/css/tokens.css").read_text()
    known = set(re.findall(r"^\s*(--[\w-]+):", tokens, re.M))
    local = {"--tone", "--tint", "--gap", "--rows", "--beside", "--others", "--large", "--grip", "--grid", "--fill"}
    local |= {"--is", "--numbers", "--ghost", "--control-bar", "--to-x", "--to-y"}
    for path in SHEETS:
        used = set(re.findall(r"var\((--[\w-]+)", path.read_text()))
        assert used <= known | local, f"{path.name}: {used - known - local}"


@pytest.mark.parametrize("path", SHEETS, ids=lambda p: p.name)
def test_it_keeps_a_sheet_to_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def ratio(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG counts it."""
    light = sorted((luminance(one), luminance(other)), reverse=True)
    return (light[0] + 0.05) / (light[1] + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_it_can_be_read_in_both_themes(theme: int) -> None:
    tokens = (ROOT / "static/css/tokens.css").read_text()
    pairs = re.findall(r"(--[\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", tokens)
    colours = {name: pair[theme] for name, *pair in pairs}
    for ground in ("--surface", "--ground", "--raised"):
        for words in ("--text", "--text-dim", "--text-faint", "--accent", "--rec", "--good", "--warn", "--bad"):
            assert ratio(colours[words], colours[ground]) >= 4.5, (words, ground)
    for fill in ("--accent-fill", "--rec-fill", "--good-fill"):
        assert ratio("#ffffff", colours[fill]) >= 4.5, fill
