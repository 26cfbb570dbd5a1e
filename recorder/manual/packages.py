"""What the product is made of: the packages that it needs, with versions and licences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

REQUIREMENTS = ("requirements-core.txt", "requirements-web.txt")
_REQUIREMENT = re.compile(r"^([\w.-]+)\s*(?:\[([\w.,\s-]*)\])?")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w.-]+)['\"]")
_VENDORED = re.compile(r"^\| [\w.-]+ \| ([@/\w.-]+) \| ([\d.]+) \| ([\w-]+) \| [0-9a-f]{64} \|$", re.M)


@dataclass(frozen=True)
class Package:
    """A package that this product uses."""

    name: str
    version: str
    licence: str


@cache
def packages_of(distribution: str, checkout: Path, vendored: Path) -> list[Package]:
    """Return the installed packages that `distribution` needs, and the scripts listed in `vendored`, by name.

    Where the distribution is not installed, the requirement files of `checkout` say what it needs.
    """
    found: dict[str, Package] = {}
    open_requirements = list(_needed(distribution, checkout))
    seen: set[tuple[str, str]] = set()
    while open_requirements:
        name, extra = open_requirements.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            installed = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # meant for another platform or another Python
        found[name] = Package(installed.name, installed.version, licence_of(installed.metadata))
        open_requirements += _requirements(installed.requires or (), extra)
    scripts = {Package(*values) for values in _VENDORED.findall(vendored.read_text(encoding="utf-8"))}
    return sorted([*found.values(), *scripts], key=lambda package: package.name.casefold())


def licence_of(fields: metadata.PackageMetadata) -> str:
    """Return the licence that a package's metadata names; a dash where they name none."""
    if expression := fields.get_all("License-Expression"):
        return str(expression[0])
    classifiers = [value for value in fields.get_all("Classifier") or () if value.startswith("License ::")]
    named = [value.rsplit(" :: ", 1)[-1].removesuffix(" License") for value in classifiers]
    if named := [name for name in named if name != "OSI Approved"]:
        return ", ".join(named)
    first_line = "\n".join(fields.get_all("License") or ()).strip().splitlines()[:1]
    return first_line[0][:60] if first_line else "–"


def _needed(distribution: str, checkout: Path) -> Iterator[tuple[str, str]]:
    try:
        yield from _requirements(metadata.distribution(distribution).requires or (), "web")
    except metadata.PackageNotFoundError:
        for file in REQUIREMENTS:
            yield from _requirements((checkout / file).read_text(encoding="utf-8").splitlines(), "")


def _requirements(lines: list[str] | tuple[str, ...], extra: str) -> Iterator[tuple[str, str]]:
    """Yield name and extra of each requirement, those of other extras left out."""
    for line in lines:
        asked = _EXTRA.search(line)
        match = _REQUIREMENT.match(line)
        if match is None or (asked and asked[1] != extra):
            continue
        name = re.sub(r"[-_.]+", "-", match[1]).lower()
        yield name, ""
        for each in filter(None, (match[2] or "").replace(" ", "").split(",")):
            yield name, each
