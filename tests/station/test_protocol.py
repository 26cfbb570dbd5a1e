"""The page of the protocol has what the protocol has."""

from __future__ import annotations

import re
from pathlib import Path

from robotdata.station.protocol import ASKS, HEARTBEAT_S, LAST_WORDS, MAX_RIGS, RIG_STATES, SILENT_S
from robotdata.station.rig_process import STOP_S

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/station-protocol.md").read_text()


def test_the_page_names_every_ask_with_its_time() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]*\| (\d+) \|", PAGE, re.MULTILINE)
    assert {name: float(seconds) for name, seconds in rows} == ASKS


def test_the_page_names_every_state_and_limit() -> None:
    states = PAGE[PAGE.index("| state | |") : PAGE.index("`devices_seq` grows")]
    assert tuple(re.findall(r"^\| `(\w+)` \|", states, re.MULTILINE)) == RIG_STATES
    words = (f"every {HEARTBEAT_S:g} s", f"for {SILENT_S:g} s", f"newest {LAST_WORDS} lines", f"has {MAX_RIGS} rigs")
    for each in (*words, f"SIGTERM and {STOP_S:g} s"):
        assert each in PAGE, each


def test_the_page_names_every_code() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "robotdata/station").glob("*.py"))
    codes = set(re.findall(r'AskRefused\(\s*"(\w+)"|"code": "(\w+)"', sources))
    named = {code for pair in codes for code in pair if code}
    table = PAGE[PAGE.index("| code | when |") : PAGE.index("## From the web")]
    assert len(named) > 10 and named == set(re.findall(r"`(\w+)`(?=[^|]*\| )", table)) - {"errors"}
