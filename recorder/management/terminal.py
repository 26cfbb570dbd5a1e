"""The base of our commands: what they print cannot command the terminal.

Names come from zip files, folders, other programs and other people's uploads. An escape sequence in one of them would
change the terminal of whoever lists them, and a mark that turns the direction of writing would show another name.
"""

from __future__ import annotations

import re
from typing import Any

from django.core.management.base import BaseCommand, OutputWrapper

# Control characters but tab, newline and carriage return; marks of direction; lone surrogates, which cannot be encoded.
_CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_COMMANDING = re.compile(f"[{_CONTROLS}{_DIRECTIONS}\ud800-\udfff]")


def terminal_text(text: str) -> str:
    """Return the text with each character that could command a terminal as its escape: `\\x1b`, `\\u202e`."""
    return _COMMANDING.sub(lambda match: match[0].encode("unicode-escape").decode(), text)


class TerminalOutput(OutputWrapper):
    """Writes texts as `terminal_text` returns them."""

    def write(self, msg: Any = "", style_func: Any = None, ending: Any = None) -> None:  # type: ignore[override]
        """Write a text; colours are added afterwards."""
        super().write(terminal_text(str(msg)), style_func, ending)


class TerminalCommand(BaseCommand):
    """A command whose output and errors are a TerminalOutput."""

    def execute(self, *args: Any, **options: Any) -> Any:
        """Run the command. Django would make outputs of its own where `stdout` and `stderr` are given."""
        error_style = self.stderr.style_func
        self.stdout = TerminalOutput(options.pop("stdout", None) or self._out_of(self.stdout))
        self.stderr = TerminalOutput(options.pop("stderr", None) or self._out_of(self.stderr))
        if self.stderr.isatty() and not options.get("no_color"):
            self.stderr.style_func = error_style
        return super().execute(*args, **options)

    @staticmethod
    def _out_of(wrapper: OutputWrapper) -> Any:
        """Return where a command writes that was made with outputs of its own."""
        return wrapper._out
