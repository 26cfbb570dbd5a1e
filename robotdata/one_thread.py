"""The innermost middleware: keeps a request on one thread.

Django changes thread at every seam between asynchronous and synchronous middleware and views; ours are synchronous
throughout, and a change of thread costs more than a frame of a take.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase


def one_thread(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        return get_response(request)

    return middleware
