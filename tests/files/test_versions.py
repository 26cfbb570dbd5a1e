"""What a newer program wrote is left as it is, and the error names both versions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from robotdata.files.versions import check_version

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("found", [None, 1, 2])
def test_a_version_that_is_known_passes(found: int | None) -> None:
    check_version(found, 2, "x.json")


@pytest.mark.parametrize("found", [3, 0, -1, 1.0, "1", True, [], {}])
def test_another_is_refused_by_name(found: Any) -> None:
    with pytest.raises(ValueError, match=r"x\.json has version"):
        check_version(found, 2, "x.json")


def test_pages_and_server_speak_the_same_version() -> None:
    script = (ROOT / "static/js/lib/socket.js").read_text()
    server = (ROOT / "robotdata/websocket.py").read_text()
    assert re.findall(r"VERSION = (\d+)", script) == re.findall(r"^VERSION = (\d+)", server, re.MULTILINE)
