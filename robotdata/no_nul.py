"""A middleware: an address with a NUL in it names nothing. PostgreSQL would not even look: its text has no NUL."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBadRequest, HttpResponseBase

CHECKED_THEMSELVES = ("/api/", "/media/")  # and answered as JSON


def no_nul(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        odd = "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", "")
        if odd and not request.path_info.startswith(CHECKED_THEMSELVES):
            return HttpResponseBadRequest("This address contains a NUL character; none may.", content_type="text/plain")
        return get_response(request)

    return middleware
