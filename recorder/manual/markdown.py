"""Render Markdown to HTML that a page with a strict content security policy may show."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

Link = Callable[[str], str | None]
"""Returns the address that a link of the text leads to; None where its words are shown without a link."""


@dataclass(frozen=True)
class Section:
    """A heading with the plain text below it, up to the next heading."""

    level: int
    anchor: str
    heading: str
    text: str


@dataclass(frozen=True)
class Rendered:
    """HTML and its sections in order; the first one is the page's title."""

    html: SafeString
    sections: tuple[Section, ...]


def render_markdown(source: str, link: Link) -> Rendered:
    """Render CommonMark with tables. HTML in the source is shown as text; images become their description."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(source)
    _name_headings(tokens)
    for token in tokens:
        _dress(token, link)
        for child in token.children or ():
            _dress(child, link)
    _drop_links(tokens)
    parser.add_render_rule("image", _describe_image)
    parser.add_render_rule("table_open", _open_table)
    parser.add_render_rule("table_close", _close_table)
    html = parser.renderer.render(tokens, parser.options, {})
    return Rendered(mark_safe(html), tuple(_sections(tokens)))  # the parser escapes whatever is not Markdown


def slug_of(heading: str) -> str:
    """Return the anchor of a heading as GitHub makes it, so that links work in both places."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _name_headings(tokens: Sequence[Token]) -> None:
    taken: dict[str, int] = {}
    for token, inside in zip(tokens, tokens[1:], strict=False):
        if token.type != "heading_open":
            continue
        slug = slug_of(_plain(inside))
        count = taken[slug] = taken.get(slug, -1) + 1
        token.attrSet("id", f"{slug}-{count}" if count else slug)


def _dress(token: Token, link: Link) -> None:
    """Replace inline styles, which the policy forbids, and addresses that mean something only in the repository."""
    if style := token.attrs.pop("style", None):
        token.attrSet("class", "num" if "right" in str(style) else "")
    if token.type == "link_open":
        address = link(str(token.attrs.get("href", "")))
        token.attrs.pop("href", None)
        if address is not None:
            token.attrSet("href", address)


def _drop_links(tokens: Sequence[Token]) -> None:
    for token in tokens:
        children, is_dropped = [], False
        for child in token.children or ():
            if child.type == "link_open":
                is_dropped = "href" not in child.attrs
            if not (is_dropped and child.type in ("link_open", "link_close")):
                children.append(child)
        if token.children is not None:
            token.children = children


def _describe_image(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return str(renderer.renderInlineAsText(tokens[index].children or [], options, env))


def _open_table(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return '<div class="table-scroll" tabindex="0" role="group" aria-label="Table"><table>\n'


def _close_table(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


def _plain(token: Token) -> str:
    parts = (child.content if child.type != "softbreak" else " " for child in token.children or ())
    return "".join(parts)


def _sections(tokens: Sequence[Token]) -> list[Section]:
    found: list[tuple[Token, str, list[str]]] = []
    for token, before in zip(tokens[1:], tokens, strict=False):
        if before.type == "heading_open":
            found.append((before, _plain(token), []))
        elif found and token.type == "inline":
            found[-1][2].append(_plain(token))
        elif found and token.type in ("fence", "code_block"):
            found[-1][2].append(token.content)
    return [
        Section(int(token.tag[1:]), str(token.attrs["id"]), heading, " ".join(" ".join(texts).split()))
        for token, heading, texts in found
    ]
