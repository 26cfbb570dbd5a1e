"""The help inside the product, and the page about it."""

from __future__ import annotations

import platform

import django
from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from recorder.manual import pages
from recorder.manual.packages import packages_of
from recorder.views.request import Request
from robotdata.distribution import NAME, installed_version

LONGEST_QUERY = 100


@require_GET
def help_index(request: Request) -> HttpResponse:
    """Render the list of all pages, or what `?q=` finds in them; of a longer query its beginning counts."""
    query = request.GET.get("q", "").strip()[:LONGEST_QUERY]
    known = pages.all_pages(settings.WEB_FILES)
    groups = pages.groups_of_pages(settings.WEB_FILES)
    context = {"query": query, "found": pages.search(known.values(), query), "groups": groups}
    return render(request, "recorder/help.html", context)


@require_GET
def help_page(request: Request, slug: str) -> HttpResponse:
    """Render one page of the help beside the list of all; 404 if there is none of this name."""
    page = pages.all_pages(settings.WEB_FILES).get(slug)
    if page is None:
        raise Http404
    context = {"page": page, "groups": pages.groups_of_pages(settings.WEB_FILES)}
    return render(request, "recorder/help_page.html", context)


@require_GET
def about(request: Request) -> HttpResponse:
    """Render version, formats, licences and what is new."""
    newest = pages.all_pages(settings.WEB_FILES)[pages.CHANGES].contents[0]
    name = installed_version() or f"{newest.heading}, a checkout"
    context = {
        "version": name,
        "python": platform.python_version(),
        "django": django.get_version(),
        "newest": newest,
        "packages": packages_of(NAME, settings.BASE_DIR, settings.WEB_FILES / "static/vendor/README.md"),
    }
    return render(request, "recorder/about.html", context)
