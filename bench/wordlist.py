"""List phrases that a reader must translate first, as `path:line: phrase (write ...)`; exit 1 where there are any.

Searched are the texts, comments and docstrings of the product and its documents; of Python files only comments and
strings. A phrase enters the list once it is fixed everywhere.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = ("robotdata", "recorder", "viewer", "templates", "static/js", "docs", "README.md", "CONTRIBUTING.md")
SUFFIXES = {".py", ".js", ".html", ".md"}
LEFT_OUT = {"vendor", "migrations", "__pycache__"}
PHRASES = {
    r"not to be had": "unavailable",
    r"said to be": "reported as",
    r"(?<!`)anew(?![(:=])": "again, or a verb with re-",
    r"(goes|went|go) on\b(?! (the|a|disk|an)\b)": "continues",
    r"as good as once": "idempotent",
    r"takes? (it|them) back|(taken|took) back": "undo, undone",
    r"(?<!there\s)(is|are|was|were) no (?!longer\b|more\b|other\b|column has\b)[a-z]": "is not a, are not, NaN",
    r"gives? no more": "stops, ends",
    r"an error of (ours|the program)|a mistake of (ours|the program)": "internal error, bug",
    r"without a word": "crashed, without a message",
    r"what stands out": "issues",
    r"stood still": "stalled",
    r"as it was then": "unchanged",
    r"mend(s|ed|ing)?\b": "fix, repair",
    r"reload and look|look whether": "reload the page, check",
    r"told to let go": "told to disconnect",
    r"cannot be shown whole": "is incomplete",
    r"(he|him|his)\b": "it, for a process; they, for a person",
    r"all the same\b": "anyway, still",
    r"passed over": "skipped",
    r"(bring|brings) it back": "restore",
    r"fetch it again": "download it again",
    r"look at (its|the) disk": "check the disk",
    r"look again": "reload the page",
    r"as usual\b": "default",
    r"start no more": "cannot start more",
    r"in vain": "without success, without an answer",
    r"for good\b": "permanently",
    r"for ever\b": "forever, without limit",
    r"under way": "in progress, running",
    r"(lies|lie) in\b": "is in, are in",
    r"(is|are) away\b": "is offline, is unavailable",
    r"once more": "again",
    r"what is there\b": "what exists, the present files",
    r"(?<!what\s)(is|are) said\b": "is shown, is reported",
    r"stands? in\b": "is in, are in",
    r"thereby|thereof|hereby|hitherto": "by that, of it",
}
WRITE = {
    re.compile(rf"\b(?:{phrase})".replace(" ", r"\s+"), re.IGNORECASE): better for phrase, better in PHRASES.items()
}


def files() -> Iterator[Path]:
    for place in PLACES:
        top = ROOT / place
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.suffix in SUFFIXES and not LEFT_OUT & set(path.parts):
                yield path


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the first line and the text of each part of the file that is written for people."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield 1, source
        return
    kinds = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in kinds:
            yield token.start[0], token.string


def hits() -> Iterator[str]:
    for path in files():
        for line, text in texts(path):
            for phrase, better in WRITE.items():
                for match in phrase.finditer(text):
                    at = line + text.count("\n", 0, match.start())
                    yield f"{path.relative_to(ROOT)}:{at}: {match[0]!r} (write: {better})"


def main() -> int:
    found = list(hits())
    print("\n".join(found) or "wordlist: nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
