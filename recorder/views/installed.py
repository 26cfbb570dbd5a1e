"""What the installed product needs beside its manifest: a page of words without a connection, and what shows it."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET


@login_not_required
@require_GET
def offline(request: HttpRequest) -> HttpResponse:
    """Render the page that an installed product keeps; it names nobody and nothing of this server."""
    return render(request, "offline.html")


@login_not_required
@require_GET
def service_worker(request: HttpRequest) -> HttpResponse:
    """Send the worker's script from the root: a script below /static/ could answer for nothing else.

    A browser installs it again when its bytes change, so it names the content of the page that it keeps.
    """
    files = settings.WEB_FILES
    script = (files / "static/js/service_worker.js").read_text(encoding="utf-8")
    kept = (files / "templates/offline.html").read_bytes() + (files / "static/css/offline.css").read_bytes()
    script = script.replace('"offline-1"', f'"offline-{hashlib.sha256(kept).hexdigest()[:16]}"', 1)
    return HttpResponse(script, content_type="text/javascript", headers={"Cache-Control": "no-cache"})
