"""Middleware of our own: refuse addresses with a NUL, and keep a request on one thread."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBadRequest, HttpResponseBase

GetResponse = Callable[[HttpRequest], HttpResponseBase]
CHECKED_THEMSELVES = ("/api/", "/media/")
"""These check their addresses themselves and answer in JSON."""


def refuse_nul(get_response: GetResponse) -> GetResponse:
    """Answer 400 to a page's address with a NUL in it: PostgreSQL has no NUL in text, and no page has one."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        odd = "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", "")
        if odd and not request.path_info.startswith(CHECKED_THEMSELVES):
            return HttpResponseBadRequest("This address contains a NUL. No page has one.", content_type="text/plain")
        return get_response(request)

    return middleware


def keep_one_thread(get_response: GetResponse) -> GetResponse:
    """Stand innermost and do nothing, synchronously.

    Django changes thread at every seam between asynchronous and synchronous middleware and views. Ours are synchronous
    throughout, and a change of thread costs more than a frame of a take.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return get_response(request)

    return middleware
