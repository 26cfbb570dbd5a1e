"""What the installed product needs beside its manifest: a page of words without a connection, and what shows it."""

from __future__ import annotations

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
    """Send the worker's script from the root: a script below /static/ could answer for nothing else."""
    script = (settings.WEB_FILES / "static/js/service_worker.js").read_text(encoding="utf-8")
    return HttpResponse(script, content_type="text/javascript", headers={"Cache-Control": "no-cache"})
