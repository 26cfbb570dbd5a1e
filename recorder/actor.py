"""Who does something: made once, where a request, a rig or a command comes in, and passed whole from there on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

NAME_LENGTH = 150
"""Letters of a name that the tables keep."""


class ActorKind(StrEnum):
    """What kind of actor asks."""

    PERSON = "person"  # signed in, in a browser
    PROGRAM = "program"  # with a bearer token
    RIG = "rig"
    WORKER = "worker"  # the product itself: a policy, the sweep
    COMMAND = "command"  # somebody at the terminal of this machine


@dataclass(frozen=True, slots=True)
class Actor:
    """One who asks for a change.

    `name` stands beside the change, at most NAME_LENGTH letters of it; "" for the product itself. `browser` tells two
    people apart who share a sign-in; "" for everything but a browser. `user_id` is the account, None without one.
    """

    name: str
    kind: ActorKind = ActorKind.PERSON
    browser: str = ""
    user_id: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name[:NAME_LENGTH])

    def __str__(self) -> str:
        return self.name or f"the {self.kind}"


WORKER = Actor("", ActorKind.WORKER)
COMMAND = Actor("", ActorKind.COMMAND)


def browser_of_session(session_key: str | None) -> str:
    """Return a name for the browser with this session, from which the session cannot be told; "" without one."""
    return hashlib.blake2s(session_key.encode(), digest_size=8).hexdigest() if session_key else ""
