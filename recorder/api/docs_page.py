"""The address of the page that lists every address: each page links to it, so it is known without the API."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse


def docs_page(request: HttpRequest) -> HttpResponse:
    """Show the page, for which the API is imported now."""
    from recorder.api.urls import api

    shown: HttpResponse = api.docs.render_page(request, api)
    return shown
