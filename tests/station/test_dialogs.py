"""Programs on a station's dialogs: what they print is read once, what is typed reaches them, and they end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

import pytest

from robotdata.station import dialogs
from robotdata.station.dialogs import Dialog, DialogError, Dialogs, Output

LONG_S = 60.0
ASKS = "name = input('Who? '); print('Hello', name)"
WAITS = "import time\ntry:\n    print('begun', flush=True)\n    time.sleep(1000)\nfinally:\n    print('released')"


@pytest.fixture
def station() -> Iterator[Dialogs]:
    made = Dialogs()
    yield made
    made.close()


def start(station: Dialogs, program: str) -> tuple[str, Dialog]:
    key = station.open([sys.executable, "-u", "-c", program], os.environ)
    return key, station.get(key)


def read_until(terminal: Dialog, text: str, after: int = 0) -> Output:
    """Read on until `text` has come, or the program has ended."""
    seen, end = "", time.monotonic() + LONG_S
    while time.monotonic() < end:
        part = terminal.read(after, 1.0)
        seen, after = seen + part.text, part.next
        if text in seen or part.exit_code is not None:
            return Output(seen, 0, part.next, part.exit_code)
    raise AssertionError(f"{text!r} is not in {seen!r}")


def test_a_question_is_read_and_its_answer_reaches_the_program(station: Dialogs) -> None:
    _, terminal = start(station, ASKS)
    question = read_until(terminal, "Who?")
    assert question.exit_code is None
    terminal.write("Ada\r")
    rest = read_until(terminal, "nothing", question.next)
    assert "Hello Ada" in rest.text
    assert rest.exit_code == 0
    assert terminal.read(rest.next, 0).text == ""
    assert "Who?" in terminal.read(0, 0).text, "a page that is loaded again reads it again"


def test_the_program_sees_a_terminal_of_the_size_that_pages_show(station: Dialogs) -> None:
    _, terminal = start(station, "import os; print(os.get_terminal_size())")
    seen = read_until(terminal, "nothing").text
    assert f"columns={dialogs.COLUMNS}, lines={dialogs.ROWS}" in seen
    key = station.open([sys.executable, "-u", "-c", "import os; print(os.get_terminal_size())"], os.environ, 44)
    assert f"columns=44, lines={dialogs.ROWS}" in read_until(station.get(key), "nothing").text


def test_ctrl_c_interrupts_the_program(station: Dialogs) -> None:
    _, terminal = start(station, WAITS)
    read_until(terminal, "begun")
    terminal.write(dialogs.INTERRUPT)
    seen = read_until(terminal, "nothing")
    assert "released" in seen.text
    assert "KeyboardInterrupt" in seen.text
    assert seen.exit_code not in (None, 0)


def test_an_ended_program_releases_its_device_first(station: Dialogs) -> None:
    _, terminal = start(station, WAITS)
    read_until(terminal, "begun")
    terminal.end()
    assert not terminal.is_running
    assert "released" in terminal.read(0, 0).text
    terminal.write("too late\r")  # and harms nothing


def test_a_program_that_ignores_signals_is_killed(station: Dialogs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogs, "_GRACE_S", 0.2)
    program = "import signal, time\nfor each in (2, 15): signal.signal(each, signal.SIG_IGN)\nprint('begun')\n"
    _, terminal = start(station, program + "while True: time.sleep(1)")
    read_until(terminal, "begun")
    terminal.end()
    assert read_until(terminal, "nothing").exit_code == -9


def test_old_output_is_forgotten_and_positions_stay(station: Dialogs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogs, "MOST_CHARACTERS", 1000)
    _, terminal = start(station, "for n in range(2000): print(n)")
    seen = read_until(terminal, "nothing")
    kept = terminal.read(0, 0)
    assert len(kept.text) == 1000
    assert kept.next == seen.next == kept.first + 1000
    assert kept.text.endswith("1999\r\n")


def test_long_output_comes_in_parts_and_the_exit_code_with_the_last(
    station: Dialogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogs, "MOST_READ", 10)
    _, dialog = start(station, "print('x' * 25, end='')")
    parts, after = [], 0
    while not parts or parts[-1].exit_code is None:
        parts.append(dialog.read(after, 1.0))
        after = parts[-1].next
    assert "".join(part.text for part in parts) == "x" * 25
    assert all(len(part.text) <= 10 for part in parts)


def test_characters_that_are_cut_between_two_reads_stay_whole(station: Dialogs) -> None:
    program = "import sys, time\nfor each in '🟥'.encode():\n    sys.stdout.buffer.write(bytes([each]))\n"
    _, terminal = start(station, program + "    sys.stdout.buffer.flush(); time.sleep(0.01)")
    assert read_until(terminal, "nothing").text == "🟥"


def test_a_program_that_does_not_read_keeps_nobody_waiting(station: Dialogs) -> None:
    _, dialog = start(station, WAITS)
    read_until(dialog, "begun")
    for _ in range(200):  # far more than a terminal holds
        dialog.write("\r" * 1000)
    dialog.end()
    assert "released" in dialog.read(0, 0).text or not dialog.is_running


def test_only_so_many_programs_run_at_once(station: Dialogs) -> None:
    for _ in range(dialogs.MOST):
        start(station, WAITS)
    with pytest.raises(DialogError, match="already"):
        start(station, WAITS)


def test_ended_terminals_can_be_read_until_newer_ones_push_them_out(station: Dialogs) -> None:
    first, dialog = start(station, "print(1)")
    read_until(dialog, "nothing")
    for _ in range(dialogs.MOST - 1):
        read_until(start(station, "print(2)")[1], "nothing")
    assert "1" in station.get(first).read(0, 0).text
    start(station, "print(3)")
    with pytest.raises(DialogError):
        station.get(first)


def test_a_program_that_does_not_exist_is_refused_by_name(station: Dialogs) -> None:
    with pytest.raises(DialogError, match="/no/such/python"):
        station.open(["/no/such/python"], os.environ)
