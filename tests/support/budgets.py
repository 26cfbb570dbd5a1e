"""Reads `bench/budgets.toml`: what an act of the product may cost."""

from __future__ import annotations

import tomllib
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "bench/budgets.toml"


def read_budgets() -> dict[str, dict[str, float]]:
    """Return by act the most of each number: `web_ms` and so on in milliseconds of processor, else counts."""
    return dict(tomllib.loads(FILE.read_text()))


def exceeded(act: str, counts: dict[str, int]) -> dict[str, tuple[int, float]]:
    """Return by name those of `counts` that are above the act's budget, and the budget. KeyError: it has none."""
    budget = read_budgets()[act]
    return {name: (number, budget[name]) for name, number in counts.items() if number > budget[name]}
