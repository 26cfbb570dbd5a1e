"""Scenario: make the home that `cut_a_take` wants."""

from __future__ import annotations

from tests.faults.cut_a_take import make_home as main

__all__ = ["main"]
