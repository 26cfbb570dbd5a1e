"""The actor of a change: created where a request, a rig or a command comes in, and passed on unchanged."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

NAME_LENGTH = 150
"""The maximum number of characters of a name in the tables."""


class ActorKind(StrEnum):
    """The kind of an actor."""

    PERSON = "person"  # signed in, in a browser
    PROGRAM = "program"  # with a bearer token
    RIG = "rig"
    STATION = "station"
    WORKER = "worker"  # the product itself: a policy, the sweep
    COMMAND = "command"  # a person at the terminal of this machine


@dataclass(frozen=True, slots=True)
class Actor:
    """The person, program or rig that requests a change.

    `name` is stored with the change, at most NAME_LENGTH characters; "" for the product itself. `browser` distinguishes
    people who share an account; "" for everything but a browser. `user_id` is the account, None without one.
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
    """Return an id for the browser with this session that does not reveal the session key; "" without a session."""
    return hashlib.blake2s(session_key.encode(), digest_size=8).hexdigest() if session_key else ""
