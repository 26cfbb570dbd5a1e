"""Read JPEGs of a network camera over HTTP: as a stream with any or no boundaries, or one per request.

The beginning and end of an image are read from the JPEG itself. So a missing or wrong boundary, or a wrong length, does
no harm.
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
"""More than any image has. A camera that sends more without the end of an image is given up."""
_CHUNK = 64 * 1024
_SNIFFED = 512
_PART_ENDS = (b"\r\n--", b"\n--")


class HttpError(Exception):
    """The camera cannot be reached, or stopped sending. The message does not contain the URL."""


class HttpPictures:
    """The JPEGs at `url`. `timeout_s` applies to each response.

    A camera that sends one image per request is asked `fps` times per second. Over HTTPS, the camera's certificate must
    be trusted by this machine, unless `verify` is False.
    """

    def __init__(self, url: str, fps: float, timeout_s: float, *, verify: bool = True) -> None:
        parts = urlsplit(url)
        self._url = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
        self._fps, self._timeout_s, self._verify = fps, timeout_s, verify
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._responses = _Responses()
        self._opener = self._make_opener()
        self._response: Any = None
        self._content_type = ""
        self._received = b""

    def open(self) -> bool:
        """Request the URL. Return whether it sends JPEGs; otherwise FFmpeg must read it. Raises HttpError."""
        self._request()
        while len(self._received) < _SNIFFED and JPEG_BEGIN not in self._received and (more := self._read_more()):
            self._received += more
        if self._content_type.startswith(("multipart/", "image/jp")):
            return True
        head = self._received[:_SNIFFED].lower()
        is_jpegs = self._received.lstrip(b"\0\r\n ").startswith(JPEG_BEGIN) or b"content-type: image/jp" in head
        if not is_jpegs:
            self.close()
        return is_jpegs

    def pictures(self) -> Iterator[bytes]:
        """Yield the JPEGs as they arrive, including truncated ones, until the camera stops. Raises HttpError."""
        due = time.monotonic()
        while True:
            count = 0
            for picture in self._pictures_of_response():
                count += 1
                yield picture
                if self._is_single:
                    break  # some cameras append a preview
            if self._content_type.startswith("multipart/") or count != 1:
                return
            due = max(due + 1 / self._fps, time.monotonic() - 1.0)
            time.sleep(max(0.0, due - time.monotonic()))
            self._request()

    def close(self) -> None:
        """Close the connection."""
        if self._response is not None:
            self._response.close()
            self._response = None

    @property
    def _is_single(self) -> bool:
        """Whether the response is one image, by its headers."""
        return self._content_type.startswith("image/") and self._response.headers.get("Content-Length") is not None

    def _pictures_of_response(self) -> Iterator[bytes]:
        """Yield the JPEGs of one response."""
        buffer, self._received = self._received, b""
        while True:
            while (begin := buffer.find(JPEG_BEGIN)) >= 0 and (end := picture_end(buffer, begin)) is not None:
                picture, buffer = buffer[begin : end[0]], buffer[end[0] :]
                yield picture if end[1] else _without_boundary(picture)
            # Discard what precedes an image, except a marker that may be split.
            buffer = buffer[begin:] if begin >= 0 else buffer[-len(JPEG_BEGIN) :]
            if len(buffer) > MAX_BYTES:
                raise HttpError(f"it sends {len(buffer):,} bytes without the end of an image")
            more = self._read_more()
            if not more:
                if begin >= 0:
                    yield _without_boundary(buffer)
                return
            buffer += more

    def _request(self) -> None:
        """Request the URL and keep the response open. Raises HttpError."""
        self.close()
        request = Request(self._url, headers={"User-Agent": "robotdata", "Accept": "*/*"})
        try:
            self._response = self._opener.open(request, timeout=self._timeout_s)
        except HTTPError as error:
            hint = "; write user:password@ into the url" if error.code == 401 and not self._user else ""
            raise HttpError(f"it answers {error.code} {error.reason}{hint}") from error
        except (OSError, HTTPException) as error:
            raise HttpError(_reason(error)) from error
        except ValueError as error:  # urllib raises this for other authentication methods and for refused passwords
            raise HttpError("it does not take the user and the password of the url") from error
        finally:
            self._responses.close_all_but(self._response)
        self._content_type = str(self._response.headers.get("Content-Type") or "").strip().lower()

    def _read_more(self) -> bytes:
        try:
            return bytes(self._response.read1(_CHUNK))
        except (OSError, HTTPException, ValueError) as error:
            raise HttpError(_reason(error)) from error

    def _make_opener(self) -> OpenerDirector:
        """Return an opener that follows redirects to HTTP and HTTPS only."""
        tls = ssl.create_default_context()
        if not self._verify:
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        passwords = HTTPPasswordMgrWithDefaultRealm()
        scheme, host = urlsplit(self._url)[:2]
        passwords.add_password(None, f"{scheme}://{host}/", self._user, self._password)
        opener = OpenerDirector()
        handlers = [HTTPHandler(), HTTPSHandler(context=tls), HTTPRedirectHandler(), self._responses]
        handlers += [HTTPDefaultErrorHandler(), ProxyHandler(), UnknownHandler()]
        if self._user:
            handlers += [HTTPDigestAuthHandler(passwords), HTTPBasicAuthHandler(passwords)]
        for handler in handlers:
            opener.add_handler(handler)
        return opener


class _Responses(HTTPErrorProcessor):
    """Remembers the responses before the last one (redirects, refusals), which urllib leaves open."""

    def __init__(self) -> None:
        self._seen: list[Any] = []

    def http_response(self, request: Request, response: Any) -> Any:
        self._seen.append(response)
        return super().http_response(request, response)

    https_response = http_response

    def close_all_but(self, last: Any) -> None:
        for response in self._seen:
            if response is not last:
                response.close()
        self._seen.clear()


def _without_boundary(picture: bytes) -> bytes:
    """Return an image without an end marker, and without the boundary to the next one."""
    for end in _PART_ENDS:
        if (at := picture.rfind(end)) > 0:
            return picture[:at]
    return picture


def _reason(error: Exception) -> str:
    """Return the message of an error without the URL."""
    reason = getattr(error, "reason", None) if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return "it does not answer"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({reason.verify_message}). Make this machine trust it, "
            "or set verify_certificate = false in the rig file"
        )
    return getattr(reason, "strerror", None) or type(reason).__name__
