"""Every number of a person's page goes through one helper; scripts have the same one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from robotdata import numbers
from tests.support.number_table import TABLE

NOW = datetime(2026, 11, 30, 14, 2, tzinfo=UTC)


@pytest.mark.parametrize(("name", "arguments", "printed"), TABLE)
def test_a_number_is_printed_so_on_the_server(name: str, arguments: list[Any], printed: str) -> None:
    assert getattr(numbers, name)(*arguments) == printed


@pytest.mark.parametrize(
    ("before", "printed"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=1), "today 13:02"),
        (timedelta(hours=15), "yesterday 23:02"),
        (timedelta(days=5), "25 Nov 14:02"),
        (timedelta(days=400), "26 Oct 2025"),
    ],
)
def test_a_time_of_the_past_is_printed_so(before: timedelta, printed: str) -> None:
    assert numbers.age(NOW - before, NOW) == printed
