"""Pages show times in the zone of the computer, or in the one that is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

import pytest
from django.template import Context, Template
from django.utils import timezone

from robotdata import time_zone as module
from robotdata.time_zone import time_zone

ASK = "import django; django.setup(); from django.conf import settings; print(settings.TIME_ZONE)"


def test_it_is_the_one_that_is_asked_for_or_that_of_the_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert time_zone("Europe/Berlin") == "Europe/Berlin"
    monkeypatch.setattr(module, "get_localzone_name", lambda: "Asia/Tokyo")
    assert time_zone("") == "Asia/Tokyo"


@pytest.mark.parametrize("wrong", ["Berlin", "../../etc/passwd", "/etc/localtime", "x" * 300, "Europe"])
def test_one_that_does_not_exist_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="Europe/Berlin"):
        time_zone(wrong)


@pytest.mark.parametrize("found", ["Mars/Base", "", None, ZoneInfoNotFoundError("two files name two"), OSError()])
def test_a_computer_without_one_shows_utc(monkeypatch: pytest.MonkeyPatch, found: Any) -> None:
    def ask() -> Any:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(module, "get_localzone_name", ask)
    assert time_zone("") == "UTC"


@pytest.mark.parametrize(("asked", "code", "said"), [("Asia/Tokyo", 0, "Asia/Tokyo"), ("Tokio", 1, "Tokio")])
def test_the_variable_says_it_to_the_product(tmp_path: Path, asked: str, code: int, said: str) -> None:
    named = {
        "ROBOTDATA_TIME_ZONE": asked,
        "ROBOTDATA_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "robotdata.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK], env={**os.environ, **named}, capture_output=True, text=True, check=False
    )
    assert done.returncode == code and said in done.stdout + done.stderr


def test_a_page_shows_the_day_and_time_of_that_zone() -> None:
    template = Template("{% load formatting %}{{ when|ago }}")
    when = (datetime.now(UTC) - timedelta(days=3)).replace(hour=22, minute=30)
    day = when + timedelta(days=1)
    with timezone.override("Asia/Tokyo"):
        assert template.render(Context({"when": when})) == f"{day.day} {day:%b} 07:30"
