"""Remember the outcomes of the newest commands, so that a command that comes twice has one effect."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from robotdata.rig.protocol import Command, CommandRefused

_REMEMBERED = 1000


class Outcomes:
    """The outcomes of up to `_REMEMBERED` commands, by the command's id and by the id of its take."""

    def __init__(self) -> None:
        self._refusals: OrderedDict[str, CommandRefused | None] = OrderedDict()

    def once(self, command: Command, execute: Callable[[], None]) -> None:
        """Call `execute`, unless the command was executed before. Raises its CommandRefused, that of the first time.

        The take of a refused command may be asked for again by another command.
        """
        for key in _keys(command):
            if key in self._refusals:
                refusal = self._refusals[key]
                if refusal is not None:
                    raise refusal
                return
        try:
            execute()
        except CommandRefused as refusal:
            self._remember([command.id], refusal)
            raise
        self._remember(_keys(command), None)

    def _remember(self, keys: Sequence[str], refusal: CommandRefused | None) -> None:
        for key in keys:
            self._refusals[key] = refusal
        while len(self._refusals) > _REMEMBERED:
            self._refusals.popitem(last=False)


def _keys(command: Command) -> list[str]:
    take = command.args.get("take")
    return [command.id, f"take {take}"] if command.name == "record" and isinstance(take, str) else [command.id]
