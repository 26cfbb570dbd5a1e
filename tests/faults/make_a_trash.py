"""Scenario: make the home that `empty_the_trash` wants."""

from __future__ import annotations

from tests.faults.empty_the_trash import make_home as main

__all__ = ["main"]
