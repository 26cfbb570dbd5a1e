"""Who does something: the name that stands beside it, and the browser that it came from."""

from __future__ import annotations

import hashlib


class Person(str):
    """A name, as a text; two people who share a sign-in sit before two browsers.

    `browser` is "" for a program, and tells nothing of the session that it is made from.
    """

    __slots__ = ("browser",)
    browser: str

    def __new__(cls, name: str, session: str | None = None) -> Person:
        made = super().__new__(cls, name)
        made.browser = hashlib.blake2s(session.encode(), digest_size=8).hexdigest() if session else ""
        return made


def browser_of(who: str) -> str:
    """Where `who` sits; "" where nobody knows."""
    return who.browser if isinstance(who, Person) else ""
