"""The list of a rig's states is the only one: the protocol's page and the scripts of the pages agree with it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from robotdata.rig.protocol import REFUSALS
from robotdata.rig.states import (
    COMMANDS,
    CONTROLS,
    EMERGENCY_STOP,
    NEXT,
    OF_THE_SERVER,
    REPORTED,
    State,
    parse_state,
    states_for_scripts,
)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/rig-protocol.md").read_text()


def table(heading: str) -> dict[str, list[str]]:
    """Return the cells after the first of each row, by the code in the first."""
    lines = PAGE.split(f"\n{heading}\n", 1)[1].splitlines()
    rows = [line.strip("| ").split("|") for line in lines[1 : lines.index("")]]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows}


def test_the_page_of_the_protocol_names_every_state() -> None:
    named = re.search(r"`state` is one of `([a-z ]+)`", PAGE)
    assert named is not None and named[1].split() == list(REPORTED)


def test_its_table_of_transitions_is_that_of_the_rig() -> None:
    rows = table("| state | may become |")
    assert {state: re.findall(r"`([a-z]+)`", following) for state, (following,) in rows.items()} == {
        state: [following for following in State if following in NEXT[state]] for state in REPORTED
    }


def test_its_table_of_commands_says_in_which_states_each_is_allowed() -> None:
    rows = table("| command | allowed in | effect |")
    assert rows.keys() == set(COMMANDS)
    for command, (allowed, _) in rows.items():
        states = {state for state in REPORTED if re.search(rf"\b{state}\b", allowed)}
        always = command in (EMERGENCY_STOP, *OF_THE_SERVER)
        assert states == {state for state in REPORTED if always or command in CONTROLS[state]}, command


def test_its_table_of_refusals_is_whole() -> None:
    assert table("| code | when |").keys() == set(REFUSALS)


def test_the_record_pages_scripts_get_every_state_and_list_none_themselves() -> None:
    told = json.loads(json.dumps(states_for_scripts()))
    assert told.keys() == set(State)
    assert {state: line["command"] for state, line in told.items() if line["command"]} == {
        state: CONTROLS[state][0] for state in REPORTED if CONTROLS[state]
    }
    assert all(line["waiting"] or line["command"] for line in told.values())
    scripts = [path.read_text() for path in (ROOT / "static/js/record").glob("*.js") if path.stem != "sound"]
    keyed = [each for text in scripts for each in re.findall(rf"\b({'|'.join(State)}): [\[\"'{{]", text)]
    assert keyed == []


def test_the_record_pages_scripts_compare_with_states_that_exist() -> None:
    """`lost` is the page's own: its connection is lost, so the rig's state is not known."""
    texts = [(ROOT / "static/js/record" / name).read_text() for name in ("controls.js", "facts.js", "timer.js")]
    compared = {each for text in texts for each in re.findall(r'\b(?:state|now|before) [!=]== "([a-z_]+)"', text)}
    assert {State.RECORDING, State.COUNTDOWN, State.ERROR} < compared <= {*State, "lost"}


def test_every_state_has_a_colour_that_the_style_sheets_know() -> None:
    style = (ROOT / "static/css/controls.css").read_text()
    assert {state.tone for state in State if state.tone} <= set(re.findall(r"^\.tone-([a-z]+) {", style, re.MULTILINE))


def test_what_a_rig_may_not_say_counts_as_connecting() -> None:
    assert [parse_state(value) for value in ("paused", "offline", "Idle", 3, None, ["idle"])] == [
        State.PAUSED,
        *[State.CONNECTING] * 5,
    ]
