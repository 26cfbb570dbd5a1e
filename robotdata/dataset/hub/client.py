"""The door to huggingface_hub: loads it when it is first used, tries again, and puts its errors into words."""

from __future__ import annotations

import functools
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from robotdata.dataset.exchange.again import TRIES, ask_again, clean_text
from robotdata.dataset.exchange.errors import TransferError
from robotdata.dataset.hub.errors import HubError, HubMoved, HubPassing, HubRefused
from robotdata.distribution import extra_command

DATASET = "dataset"
PUBLIC_ENDPOINT = "https://huggingface.co"
_TIMEOUT_S = 60.0
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_NO_ROOM = {402, 413, 507}
_ROOM_WORDS = ("storage", "quota")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Access:
    """Where the Hub is, and who asks. The token appears in no text that is made of this."""

    endpoint: str = PUBLIC_ENDPOINT
    token: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        """The Hub's name for people."""
        return urlsplit(self.endpoint).netloc or self.endpoint


@functools.cache
def library() -> Any:
    """Return huggingface_hub. Raises HubRefused if it is not installed.

    Files go over HTTP (LFS), whose progress is counted and which can be stopped at every byte. A person who sets
    HF_HUB_DISABLE_XET=0 gets Xet instead.
    """
    for name in ("HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_PROGRESS_BARS", "HF_HUB_DISABLE_TELEMETRY"):
        os.environ.setdefault(name, "1")  # read once, when it is imported
    try:
        import huggingface_hub
        from httpx import Client
    except ImportError as error:
        raise HubRefused(
            f"The Hub needs huggingface_hub, which is not installed: run `{extra_command('hub')}`"
        ) from error
    # Without a limit, a connection that has died would be waited for without end.
    huggingface_hub.set_client_factory(lambda: Client(follow_redirects=True, timeout=_TIMEOUT_S))
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its warnings hold signed addresses of uploads
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return huggingface_hub


def own_token() -> str:
    """Return the token of this process: HF_TOKEN, or that of `hf auth login`; empty if there is none."""
    return str(library().get_token() or "")


class Hub:
    """The Hub, asked by one person. Every question is asked again while it fails in a way that passes.

    With fewer `tries` than the default, somebody waits for the answer: it pauses for at most 5 s between two of them,
    whatever the Hub asks for.
    """

    def __init__(self, access: Access, *, stopped: threading.Event | None = None, tries: int = TRIES) -> None:
        self.access, self._tries = access, tries
        self.stopped = stopped or threading.Event()
        self.api = library().HfApi(endpoint=access.endpoint, token=access.token or False)

    def ask(self, about: str, question: Callable[[], T]) -> T:
        """Return the answer about the repository `about`.

        Raises HubRefused, HubMoved, HubPassing after some tries, and Cancelled as soon as `stopped` is set.
        """
        return ask_again(
            question,
            lambda error: self._failure(about, _cause(error)),
            lambda error: _retry_after(_cause(error)),
            stopped=self.stopped,
            tries=self._tries,
        )

    def _failure(self, about: str, cause: BaseException) -> TransferError:
        return cause if isinstance(cause, TransferError) else self._words(about, cause)

    def exists(self, about: str) -> Any | None:
        """Return what the Hub knows of the repository (`sha`, `private`); None if it is not there for this account."""
        errors = library().errors

        def look() -> Any | None:
            try:
                return self.api.dataset_info(about)
            except errors.HfHubHTTPError as error:
                hidden = error.response.status_code in {401, 404} and not isinstance(error, errors.GatedRepoError)
                if not hidden or _is_bad_token(self.access, self.api):
                    raise
                return None

        return self.ask(about, look)

    def _words(self, about: str, error: BaseException) -> HubError:
        """Return the error of the client as one of ours."""
        lib, host = library(), self.access.host
        if isinstance(error, lib.errors.GatedRepoError):
            page = f"{self.access.endpoint}/datasets/{about}"
            return HubRefused(f"{about} is gated: ask for access on {page}, then try again")
        response = getattr(error, "response", None)
        status = getattr(response, "status_code", None)
        if isinstance(error, lib.errors.RevisionNotFoundError):
            return HubRefused(f"{about} has no such revision: write a branch, a tag or a commit of it")
        if status is None:
            return self._unreachable(error)
        message = self._message(error)
        if status == 401 and "credentials" in message.lower():
            return HubRefused(f"{host} does not accept the token: it may have been revoked. Enter a new one")
        if isinstance(error, lib.errors.RepositoryNotFoundError) or status in {401, 404}:
            who = "this account" if self.access.token else "somebody who is not signed in"
            return HubRefused(
                f"{host} shows no dataset {about} to {who}: it does not exist, or it is private. Check the name, or "
                "sign in with an account that may see it"
            )
        if status in _NO_ROOM or (status == 403 and any(each in message.lower() for each in _ROOM_WORDS)):
            return HubRefused(
                f"{host} has no room left for {about} ({message}): free some there, make it public, or ask for more"
            )
        if status == 403:
            return HubRefused(
                f"The token may not do that with {about} ({message}): use one with the permission to write to it"
            )
        if status in {409, 412}:
            return HubMoved(f"Somebody else is changing {about} on {host}: try again ({message})")
        if status in _PASSING:
            return HubPassing(f"{host} answers {status} again and again ({message}): try again later")
        return HubRefused(f"{host} refused {about} with {status} ({message}): look at its page there")

    def _unreachable(self, error: BaseException) -> HubError:
        import httpx

        host = self.access.host
        if isinstance(error, httpx.TransportError):
            return HubPassing(f"{host} cannot be reached ({type(error).__name__}): check the network, then try again")
        if isinstance(error, OSError) and not isinstance(error, httpx.HTTPError):
            raise error  # a file of ours cannot be read
        if any(each in str(error).lower() for each in _ROOM_WORDS):
            return HubRefused(f"{host} has no room left ({self._clean(str(error))}): free some there, or ask for more")
        return HubRefused(f"The Hub's client failed ({type(error).__name__}: {self._clean(str(error))})")

    def _message(self, error: BaseException) -> str:
        return self._clean(str(getattr(error, "server_message", None) or "") or "without a reason")

    def _clean(self, text: str) -> str:
        """Return text of the other side on one line, short, without a token in it."""
        if self.access.token:
            text = text.replace(self.access.token, "...")
        return clean_text(text)


def _is_bad_token(access: Access, api: Any) -> bool:
    """Return whether the Hub does not know the token: a repository is *not found* then, too."""
    if not access.token:
        return False
    try:
        api.whoami()
    except Exception as error:  # noqa: BLE001 - only one of them answers the question
        return getattr(getattr(error, "response", None), "status_code", None) == 401
    return False


def _cause(error: BaseException) -> BaseException:
    """Return what the client has wrapped: its uploads raise RuntimeError from the error that says what happened."""
    while isinstance(error, RuntimeError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _retry_after(error: BaseException) -> str:
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", {})
    return headers.get("Retry-After", "")
