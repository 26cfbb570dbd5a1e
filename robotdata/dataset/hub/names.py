"""Names of repositories: `user/name`, or the address of a page of the Hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from robotdata.dataset.hub.errors import HubRefused

MAIN = "main"
_MAX_LENGTH = 96
_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_PUBLIC_HOSTS = frozenset({"huggingface.co", "hf.co"})
_PAGES = {"tree", "blob", "resolve", "viewer", "commits"}


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of the kind *dataset*, and a revision of it: a branch, a tag or a commit."""

    id: str
    revision: str = ""

    @property
    def name(self) -> str:
        """The part behind the user's name."""
        return self.id.partition("/")[2]


def parse_repository(text: str, revision: str = "", *, endpoint: str = "") -> Repository:
    """Return the repository that `text` names. A page's address may hold the revision.

    Raises HubRefused, also for an address of another host than that of `endpoint` or of the public Hub.
    """
    clean = text.strip()
    if "://" in clean or clean.startswith(tuple(f"{host}/" for host in _PUBLIC_HOSTS)):
        address = _address(clean if "://" in clean else f"https://{clean}")
        hosts = _PUBLIC_HOSTS | {urlsplit(endpoint).netloc.lower()}
        if address.netloc.lower() not in hosts:
            raise HubRefused(
                f"{_shown(text)} is on another Hub than {urlsplit(endpoint).netloc or 'huggingface.co'}, which is "
                "asked here: set HF_ENDPOINT to its address, or write user/name"
            )
        parts = [unquote(part) for part in address.path.split("/") if part]
        if parts[:1] != ["datasets"]:
            raise HubRefused(f"{_shown(text)} is not an address of a dataset: it has no /datasets/ in it")
        parts = parts[1:]
        if len(parts) > 3 and parts[2] in _PAGES:
            revision = revision or parts[3]
        parts = parts[:2]
    else:
        parts = clean.removeprefix("datasets/").split("/")
    if len(parts) != 2 or not all(_is_part(part) for part in parts) or len("/".join(parts)) > _MAX_LENGTH:
        raise HubRefused(
            f"{_shown(text)} is not a name of a repository: write user/name, with letters, digits, '-', '_' and '.'"
        )
    if revision and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise HubRefused(f"{_shown(revision)} is not a revision: write a branch, a tag or a commit")
    return Repository("/".join(parts), revision)


def _address(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError as error:
        raise HubRefused(f"{_shown(text)} is not an address: copy that of the dataset's page") from error


def _is_part(part: str) -> bool:
    return bool(_PART.fullmatch(part)) and "--" not in part and ".." not in part and not part.endswith(".git")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:100] + "...")
