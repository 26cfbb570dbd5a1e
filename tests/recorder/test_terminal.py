"""What a command prints cannot command the terminal: names come from other people's files."""

from __future__ import annotations

import io
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from recorder.management import commands
from recorder.management.terminal import TerminalCommand, terminal_text

OURS = sorted(path.stem for path in Path(commands.__path__[0]).glob("[!_]*.py"))


@pytest.mark.parametrize("name", OURS)
def test_each_command_prints_only_text(name: str) -> None:
    assert issubclass(import_module(f"recorder.management.commands.{name}").Command, TerminalCommand)


def test_what_would_command_a_terminal_is_shown_as_an_escape() -> None:
    assert terminal_text("a\x1b[2J\u202eb\x9b\ud800\n\tc é 杯") == "a\\x1b[2J\\u202eb\\x9b\\ud800\n\tc é 杯"


def test_output_and_errors_go_through_it() -> None:
    class Lists(TerminalCommand):
        def handle(self, **options: Any) -> None:
            self.stdout.write("out \x1b]0;title\x07")
            self.stderr.write("error \x1b[31m")

    out, errors = io.StringIO(), io.StringIO()
    call_command(Lists(), stdout=out, stderr=errors)
    assert out.getvalue() == "out \\x1b]0;title\\x07\n" and errors.getvalue() == "error \\x1b[31m\n"
