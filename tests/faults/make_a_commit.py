"""Scenario: make the home that `commit_and_clear` wants."""

from __future__ import annotations

from tests.faults.commit_and_clear import make_home as main

__all__ = ["main"]
