"""JPEGs of a network camera over HTTP: a stream of them, however it is divided, or one for each request.

Where a picture begins and ends is read from the pictures themselves. So a first boundary that is missing, a boundary
other than the announced one, a wrong length or no division at all is nothing to stumble over.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import (
    HTTPBasicAuthHandler,
    HTTPDefaultErrorHandler,
    HTTPDigestAuthHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPPasswordMgrWithDefaultRealm,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from robotdata.video.jpeg_parts import JPEG_BEGIN, picture_end

MAX_BYTES = 32 * 1024 * 1024
"""More than any picture has; a camera that sends as much without beginning another one is given up."""
_CHUNK = 64 * 1024
_SNIFFED = 512
_PART_ENDS = (b"\r\n--", b"\n--")


class HttpError(Exception):
    """A camera that cannot be reached, or sends no more; the message has no address in it."""


class HttpPictures:
    """The JPEGs at `url`, `fps` of them a second where each has to be asked for. `timeout_s` is for each answer.

    Over HTTPS the camera's certificate must be one that this machine trusts, unless `verify` is False.
    """

    def __init__(self, url: str, fps: float, timeout_s: float, *, verify: bool = True) -> None:
        parts = urlsplit(url)
        self._url = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
        self._fps, self._timeout_s, self._verify = fps, timeout_s, verify
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._answers = _Answers()
        self._opener = self._make_opener()
        self._answer: Any = None
        self._kind = ""
        self._begun = b""

    def open(self) -> bool:
        """Ask for the first answer; whether it is JPEGs, and not something for FFmpeg. Raises HttpError."""
        self._ask()
        while len(self._begun) < _SNIFFED and JPEG_BEGIN not in self._begun and (more := self._more()):
            self._begun += more
        if self._kind.startswith(("multipart/", "image/jp")):
            return True
        head = self._begun[:_SNIFFED].lower()
        is_jpegs = self._begun.lstrip(b"\0\r\n ").startswith(JPEG_BEGIN) or b"content-type: image/jp" in head
        if not is_jpegs:
            self.close()
        return is_jpegs

    def pictures(self) -> Iterator[bytes]:
        """Yield the JPEGs as they arrive, truncated ones included, until the camera ends. Raises HttpError."""
        due = time.monotonic()
        while True:
            count = 0
            for picture in self._pictures_of_answer():
                count += 1
                yield picture
                if self._is_single:
                    break  # what a camera adds is a preview
            if self._kind.startswith("multipart/") or count != 1:
                return
            due = max(due + 1 / self._fps, time.monotonic() - 1.0)
            time.sleep(max(0.0, due - time.monotonic()))
            self._ask()

    def close(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    @property
    def _is_single(self) -> bool:
        """Whether the answer says that it is one picture."""
        return self._kind.startswith("image/") and self._answer.headers.get("Content-Length") is not None

    def _pictures_of_answer(self) -> Iterator[bytes]:
        buffer, self._begun = self._begun, b""
        while True:
            while (begin := buffer.find(JPEG_BEGIN)) >= 0 and (end := picture_end(buffer, begin)) is not None:
                picture, buffer = buffer[begin : end[0]], buffer[end[0] :]
                yield picture if end[1] else _without_boundary(picture)
            # What is before a picture is of nobody; a marker may be cut in two.
            buffer = buffer[begin:] if begin >= 0 else buffer[-len(JPEG_BEGIN) :]
            if len(buffer) > MAX_BYTES:
                raise HttpError(f"it sends {len(buffer):,} bytes without the end of an image")
            more = self._more()
            if not more:
                if begin >= 0:
                    yield _without_boundary(buffer)
                return
            buffer += more

    def _ask(self) -> None:
        self.close()
        request = Request(self._url, headers={"User-Agent": "robotdata", "Accept": "*/*"})
        try:
            self._answer = self._opener.open(request, timeout=self._timeout_s)
        except HTTPError as error:
            hint = "; write user:password@ into the url" if error.code == 401 and not self._user else ""
            raise HttpError(f"it answers {error.code} {error.reason}{hint}") from error
        except (OSError, HTTPException) as error:
            raise HttpError(_why(error)) from error
        except ValueError as error:  # urllib knows neither another way to sign in nor what to do when it is refused
            raise HttpError("it does not take the user and the password of the url") from error
        finally:
            self._answers.close_all_but(self._answer)
        self._kind = str(self._answer.headers.get("Content-Type") or "").strip().lower()

    def _more(self) -> bytes:
        try:
            return bytes(self._answer.read1(_CHUNK))
        except (OSError, HTTPException, ValueError) as error:
            raise HttpError(_why(error)) from error

    def _make_opener(self) -> OpenerDirector:
        """Follows redirections from HTTP to HTTP(S) alone."""
        tls = ssl.create_default_context()
        if not self._verify:
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        passwords = HTTPPasswordMgrWithDefaultRealm()
        scheme, host = urlsplit(self._url)[:2]
        passwords.add_password(None, f"{scheme}://{host}/", self._user, self._password)
        opener = OpenerDirector()
        handlers = [HTTPHandler(), HTTPSHandler(context=tls), HTTPRedirectHandler(), self._answers]
        handlers += [HTTPDefaultErrorHandler(), ProxyHandler(), UnknownHandler()]
        if self._user:
            handlers += [HTTPDigestAuthHandler(passwords), HTTPBasicAuthHandler(passwords)]
        for handler in handlers:
            opener.add_handler(handler)
        return opener


class _Answers(HTTPErrorProcessor):
    """Remembers every answer on the way to the last one, for urllib leaves those open."""

    def __init__(self) -> None:
        self._seen: list[Any] = []

    def http_response(self, request: Request, response: Any) -> Any:
        self._seen.append(response)
        return super().http_response(request, response)

    https_response = http_response

    def close_all_but(self, last: Any) -> None:
        for answer in self._seen:
            if answer is not last:
                answer.close()
        self._seen.clear()


def _without_boundary(picture: bytes) -> bytes:
    """A picture without its end marker, without what divides it from the next one."""
    for end in _PART_ENDS:
        if (at := picture.rfind(end)) > 0:
            return picture[:at]
    return picture


def _why(error: Exception) -> str:
    """An error's words without the address."""
    reason = getattr(error, "reason", None) if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return "it does not answer"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({reason.verify_message}). Make this machine trust it, "
            "or set verify_certificate = false in the rig file"
        )
    return getattr(reason, "strerror", None) or type(reason).__name__
