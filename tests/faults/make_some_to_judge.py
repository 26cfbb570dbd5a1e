"""Scenario: make the home that `judge_some` wants."""

from __future__ import annotations

from tests.faults.judge_some import make_home as main

__all__ = ["main"]
