"""Read XML that anybody on the network may have sent: no document type, no entities, few elements, not deep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

MOST_BYTES = 256 << 10
_MOST_ELEMENTS, _DEEPEST = 4000, 32


class BadXml(ValueError):
    """The document is not XML, has a document type, or is too large."""


@dataclass(slots=True)
class Element:
    """One element: `name` without its namespace, its attributes, and its text without that of its children."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> Iterator[Element]:
        """Yield the elements of this name below this one, in the order of the document."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.all(name)

    def first(self, *path: str) -> Element | None:
        """Return the first element of this path of names, each somewhere below the one before; None without one."""
        if not path:
            return self
        found = (each.first(*path[1:]) for each in self.all(path[0]))
        return next((each for each in found if each is not None), None)

    def words(self, *path: str) -> str:
        """Return the text of the first element of this path; empty without one."""
        element = self.first(*path)
        return element.text.strip() if element is not None else ""


def read_xml(data: bytes) -> Element:
    """Return the root of a document. Raises BadXml.

    A document type is refused where it begins, so no entity is ever defined, and none is fetched or repeated.
    """
    if len(data) > MOST_BYTES:
        raise BadXml(f"more than {MOST_BYTES >> 10} KiB of XML")
    root = Element("", {})
    stack, count = [root], 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > _MOST_ELEMENTS or len(stack) > _DEEPEST:
            raise BadXml("too many elements, or too deep")
        element = Element(_local(name), {_local(key): value for key, value in attributes.items()})
        stack[-1].children.append(element)
        stack.append(element)

    def end(_name: str) -> None:
        stack.pop()

    def text(data: str) -> None:
        stack[-1].text += data

    def refuse(*_: object) -> None:
        raise BadXml("a document type, which no camera needs")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, UnicodeError, LookupError, ValueError) as error:
        raise error if isinstance(error, BadXml) else BadXml(f"not XML: {error}") from error
    return root.children[0]


def _local(name: str) -> str:
    """Return a name without its namespace: cameras differ in their prefixes and versions."""
    return name.rpartition(" ")[2]
