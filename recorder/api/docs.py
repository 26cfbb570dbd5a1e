"""The page that lists every address of the API, in the product's own frame."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja.openapi.docs import Swagger


class Docs(Swagger):
    """Swagger UI inside the product's page: its header leads back, its theme is the page's."""

    template = "recorder/api.html"
    default_settings = {
        "layout": "BaseLayout",
        "deepLinking": True,
        "filter": True,
        "docExpansion": "none",  # a hundred addresses at once take a slow computer ten seconds
        "defaultModelsExpandDepth": -1,
    }

    def render_page(self, request: HttpRequest, api: Any, **kwargs: Any) -> HttpResponse:
        """Render the page; its scripts read the settings as JSON."""
        asked = {**self.settings, "url": self.get_openapi_url(api, kwargs)}
        return render(request, self.template, {"swagger": asked})
