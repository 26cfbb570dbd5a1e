"""Remember what became of each command, so that a command that comes twice has one effect."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from robotdata.rig.protocol import Command, CommandRefused

_REMEMBERED = 1000


class Outcomes:
    """The outcomes of the newest commands, by the command's id and by the id of the take that it was to begin."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, CommandRefused | None] = OrderedDict()

    def repeat(self, command: Command) -> bool:
        """Return whether the command, or its take, is known; if it was refused, raise that CommandRefused again."""
        for key in _keys(command):
            if key in self._known:
                refusal = self._known[key]
                if refusal is not None:
                    raise refusal
                return True
        return False

    def add(self, command: Command, refusal: CommandRefused | None) -> None:
        """Remember the outcome; a refused take may be tried again under its id."""
        keys: Sequence[str] = _keys(command) if refusal is None else [command.id]
        for key in keys:
            self._known[key] = refusal
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _keys(command: Command) -> list[str]:
    take = command.args.get("take")
    return [command.id, f"take {take}"] if command.name == "record" and isinstance(take, str) else [command.id]
