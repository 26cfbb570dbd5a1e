"""A living page of all components of the pages, for those who work on them."""

from __future__ import annotations

import re

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.views.request import Request

TYPE = ("tiny", "small", "body", "lead", "figure", "title")
SPACES = ("s1", "s2", "s3", "s4", "s5", "s6")
TONES = ("good", "warn", "bad", "rec", "accent")
_TOKEN = re.compile(r"^\s*--([\w-]+): ([^;]+);", re.M)


@require_GET
def interface(request: Request) -> HttpResponse:
    """Render the page from tokens and icons as they are; 404 unless ROBOTDATA_DEBUG is set."""
    if not settings.DEBUG:
        raise Http404
    static = settings.WEB_FILES / "static"
    tokens = dict(_TOKEN.findall((static / "css/tokens.css").read_text(encoding="utf-8")))
    icons = re.findall(r'<symbol id="([\w-]+)"', (static / "icons.svg").read_text(encoding="utf-8"))
    context = {
        "type_scale": [(name, tokens[name]) for name in TYPE],
        "spaces": [(name, tokens[name]) for name in SPACES],
        "colours": [name for name, value in tokens.items() if value.startswith("light-dark(#") or name == "on-fill"],
        "icons": icons,
        "tones": TONES,
    }
    return render(request, "recorder/interface.html", context)
