"""The pages of the help: which of `docs/` they are, in which order, and a search in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from recorder.manual.markdown import Rendered, Section, render_markdown

GROUPS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "Record",
        {
            "start": "from the first start to a dataset that LeRobot loads",
            "devices": "rigs, robots, teleoperators, cameras; calibration and the emergency stop",
            "import": "raw logs of other recorders as takes: HDF5, zarr, MCAP, bags, videos",
        },
    ),
    (
        "Review and share",
        {
            "curation": "the wall, the player, bulk changes, the page Encoding",
            "language": "subtasks and remarks, and the columns that LeRobot reads",
            "editing": "committed episodes, revisions, copies and merges, features, the disk",
            "quality": "what is flagged in a take, and when",
            "sharing": "datasets from zip files, folders and the Hub; downloads, pushes, films",
            "storage": "datasets to buckets of S3, MinIO and others, and from there",
            "dataset": "the files of a dataset: reading, editing, repair, older versions",
        },
    ),
    (
        "Keep it running",
        {
            "reliability": "what is promised, what happens after a crash, and what is not covered",
            "scale-out": "settings; several computers, PostgreSQL and Redis",
        },
    ),
    (
        "Programs",
        {
            "api": "addresses, tokens and sockets",
            "player": "frames and signals over HTTP and the play socket",
            "video": "the video library",
            "rig-protocol": "how any program can be a rig",
            "station-protocol": "what a computer's station and the web say to each other",
        },
    ),
)
"""The pages of each group, each with a line that says what it is about."""

FOR_DEVELOPERS = {"architecture", "faults", "interface", "staleness"}
"""Pages of `docs/` about the code; the help leaves them out."""

CHANGES = "changes"
"""The page of what is new: CHANGELOG.md, which stands beside `docs/`."""
SUMMARIES = {slug: summary for _, group in GROUPS for slug, summary in group.items()}
SUMMARIES[CHANGES] = "what has changed, version by version"

MOST_RESULTS = 40
SNIPPET_LENGTH = 200
SHORTEST_TYPO = 4
SAME_BEGINNING = 2
"""Letters that a mistyped word shares with the one that is meant: who looks for gloves does not mean goes."""
SIMILARITY = 0.82
"""How alike the two must be, as `difflib` counts it."""


@dataclass(frozen=True)
class Page:
    """One page of the help; `slug` is its address below /help/."""

    slug: str
    body: Rendered

    @property
    def title(self) -> str:
        """The page's first heading."""
        return self.body.sections[0].heading

    @property
    def summary(self) -> str:
        """What the page is about, in a line."""
        return SUMMARIES[self.slug]

    @property
    def contents(self) -> list[Section]:
        """The headings below the title that lead through the page."""
        most = 3 if self.slug == CHANGES else 2
        return [section for section in self.body.sections[1:] if section.level <= most]


@dataclass(frozen=True)
class Result:
    """A section that matches a search; `snippet` is its text in parts, each with whether it matches."""

    page: Page
    section: Section
    snippet: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Found:
    """What a search finds; `taken` is the word that was looked for in place of each that stands nowhere."""

    places: list[Result]
    taken: dict[str, str]


def groups_of_pages(folder: Path) -> list[tuple[str, list[Page]]]:
    """Return the pages below `folder`, which holds `docs/` and CHANGELOG.md, group by group."""
    known = all_pages(folder)
    return [(name, [known[slug] for slug in slugs]) for name, slugs in GROUPS] + [("New", [known[CHANGES]])]


@cache
def all_pages(folder: Path) -> dict[str, Page]:
    """Return every page by its slug. They are read once: files of an installation do not change while it runs.

    Raises OSError if a page is not there.
    """
    paths = {slug: folder / "docs" / f"{slug}.md" for slug in SUMMARIES} | {CHANGES: folder / "CHANGELOG.md"}
    texts = {slug: path.read_text(encoding="utf-8") for slug, path in paths.items()}
    return {slug: Page(slug, render_markdown(text, _address)) for slug, text in texts.items()}


def search(pages: Iterable[Page], query: str) -> Found:
    """Find the sections that have every word of the query, those that have them in their heading first.

    A word that stands on no page counts as the most similar one that does: "calibrtion" finds calibration.
    """
    pages = list(pages)
    typed = query.casefold().split()
    words = [_known_word(pages, word) for word in typed]
    if not words:
        return Found([], {})
    ranked = []
    for page in pages:
        for section in page.body.sections:
            heading = f"{page.title} {section.heading}".casefold()
            text = f"{heading} {section.text}".casefold()
            if all(word in text for word in words):
                weight = sum(2 * (word in section.heading.casefold()) + (word in heading) for word in words)
                ranked.append((weight, Result(page, section, _snippet(section.text, words))))
    ranked.sort(key=lambda one: -one[0])
    taken = {word: known for word, known in zip(typed, words, strict=True) if word != known}
    return Found([result for _, result in ranked[:MOST_RESULTS]], taken)


def _known_word(pages: Sequence[Page], word: str) -> str:
    """Return the word, or the most similar one of the pages where none has it and one is alike."""
    texts = [f"{section.heading} {section.text}".casefold() for page in pages for section in page.body.sections]
    if len(word) < SHORTEST_TYPO or any(word in text for text in texts):
        return word
    known = Counter(each for text in texts for each in re.findall(r"[^\W\d_]{4,}", text))
    alike = [each for each, _ in known.most_common() if each[:SAME_BEGINNING] == word[:SAME_BEGINNING]]
    # The more frequent one first: of two that are as similar it is taken.
    similar = get_close_matches(word, alike, n=1, cutoff=SIMILARITY)
    return similar[0] if similar else word


def _snippet(text: str, words: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    pattern = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))), re.IGNORECASE)
    first = pattern.search(text)
    begin = max(0, (first.start() if first else 0) - SNIPPET_LENGTH // 3)
    begin = text.rfind(" ", 0, begin) + 1 if begin else 0
    part = text[begin : begin + SNIPPET_LENGTH]
    if begin + SNIPPET_LENGTH < len(text):
        part = part.rsplit(" ", 1)[0] + " …"
    part = ("… " if begin else "") + part
    parts, at = [], 0
    for match in pattern.finditer(part):
        parts += [(part[at : match.start()], False), (match[0], True)]
        at = match.end()
    return tuple((words, is_match) for words, is_match in [*parts, (part[at:], False)] if words)


def _address(href: str) -> str | None:
    """Return where a link of a page leads inside the product: another page of the help, or another site."""
    if href.startswith(("#", "https://", "http://")):
        return href
    path, _, anchor = href.partition("#")
    slug = Path(path).stem
    if "/" in path.removeprefix("docs/") or not path.endswith(".md") or slug not in SUMMARIES:
        return None
    return f"/help/{slug}/" + (f"#{anchor}" if anchor else "")
