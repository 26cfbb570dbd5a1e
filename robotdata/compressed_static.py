"""Scripts and styles as gzip: compressed once for each state of a file, and kept."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from typing import TypeGuard

from cachetools import LRUCache
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.http.response import FileResponse
from django.utils.cache import patch_vary_headers

GetResponse = Callable[[HttpRequest], HttpResponseBase]
LEAST_BYTES, MOST_BYTES = 600, 4 << 20
_KEPT_BYTES = 16 << 20
_TYPES = ("text/", "application/json", "application/manifest+json", "image/svg+xml", "application/javascript")
_KNOWN = "HTTP_IF_NONE_MATCH"


def compress_static(get_response: GetResponse) -> GetResponse:
    """Stand outside WhiteNoise: answer whole text files as gzip to those who take it.

    Pages and answers of the API stay as they are: their sizes would tell what a secret in them is. The ETag of gzip is
    weak, `W/` before that of the file: the bytes are others, and a part of one must not be joined to the other.
    """
    kept = _Kept()
    prefix = f"/{settings.STATIC_URL.lstrip('/')}"

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(prefix):
            return get_response(request)
        known = request.META.get(_KNOWN, "")
        if known:
            request.META[_KNOWN] = _as_whitenoise_compares(known)
        response = get_response(request)
        patch_vary_headers(response, ["Accept-Encoding"])
        if not takes_gzip(request):
            return response
        if _may_be_compressed(response):
            return kept.compressed(request, response)
        if response.status_code == 304 and f"W/{response.get('ETag')}" in known:
            response["ETag"] = f"W/{response['ETag']}"
        return response

    return middleware


class _Kept:
    """Compressed files of one process, by address and state."""

    def __init__(self) -> None:
        self._bodies: LRUCache[str, bytes] = LRUCache(_KEPT_BYTES, getsizeof=len)
        self._lock = threading.Lock()

    def compressed(self, request: HttpRequest, response: FileResponse) -> HttpResponseBase:
        """Return the answer as gzip; to HEAD without a body, and without a length if nobody asked for the file yet."""
        key = f"{request.path_info} {response.get('Last-Modified')} {response.get('Content-Length')}"
        with self._lock:
            body = self._bodies.get(key)
        if request.method == "HEAD":
            return _describe(response, None if body is None else len(body))
        file = response.file_to_stream
        if file is None:
            return response
        with file:  # the response itself is not closed: that would end the request
            if body is None:
                body = gzip.compress(file.read(), 9, mtime=0)
        with self._lock:
            self._bodies[key] = body
        answer = HttpResponse(body)
        for name, value in response.items():
            answer[name] = value
        return _describe(answer, len(body))


def takes_gzip(request: HttpRequest) -> bool:
    """Return whether the whole file may be sent as gzip: `gzip;q=0` refuses it, and a part is one of the plain file."""
    if request.method not in ("GET", "HEAD") or "HTTP_RANGE" in request.META:
        return False
    weights: dict[str, float] = {}
    for part in request.META.get("HTTP_ACCEPT_ENCODING", "").lower().split(","):
        coding, _, parameter = part.partition(";")
        name, _, value = parameter.partition("=")
        try:
            weights[coding.strip()] = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            weights[coding.strip()] = 0.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _as_whitenoise_compares(known: str) -> str:
    """Return an If-None-Match with the one strong ETag of the file that WhiteNoise compares as text, if all agree."""
    tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
    return tags.pop() if len(tags) == 1 else known


def _may_be_compressed(response: HttpResponseBase) -> TypeGuard[FileResponse]:
    length = response.get("Content-Length", "")
    return (
        isinstance(response, FileResponse)
        and response.status_code == 200
        and "Content-Encoding" not in response
        and response.get("Content-Type", "").startswith(_TYPES)
        and length.isdecimal()
        and LEAST_BYTES <= int(length) <= MOST_BYTES
    )


def _describe(response: HttpResponseBase, length: int | None) -> HttpResponseBase:
    """Return the response with the headers of gzip; a HEAD of what was not compressed yet has no length."""
    response["Content-Encoding"] = "gzip"
    if "ETag" in response:
        response["ETag"] = f"W/{response['ETag']}"
    if length is None:
        del response["Content-Length"]
    else:
        response["Content-Length"] = str(length)
    return response
