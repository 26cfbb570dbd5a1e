"""Scenario: make the home that `move_a_dataset` wants."""

from __future__ import annotations

from tests.faults.move_a_dataset import make_home as main

__all__ = ["main"]
