"""Shared by the pages: a typed request, and pagination of episodes by cursor."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from recorder.browse import ordering
from recorder.browse.other_takes import with_others
from recorder.models import Episode
from recorder.models.episode import EpisodeQuerySet
from recorder.text import parse_uuid

PAGE = 36


class Request(HttpRequest):
    """A request after sign-in and the htmx middleware."""

    user: User
    htmx: HtmxDetails


def episode_page(rows: EpisodeQuerySet, after: str | None, *, sort: str = "", most: int = PAGE) -> dict[str, Any]:
    """Return a page of episodes in the order `sort` and the next cursor; an unknown cursor starts at the first page."""
    episodes, has_more = ordering.page(rows, sort, _cursor(after), most)
    return {"episodes": with_others(episodes), "next": episodes[-1].pk if has_more else None}


def _cursor(after: str | None) -> Episode | None:
    pk = parse_uuid(after)
    return None if pk is None else Episode.objects.filter(pk=pk).first()
