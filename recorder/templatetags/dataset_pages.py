"""Template filters of a dataset's pages."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.filter
def signed(count: Any) -> str:
    """Return a difference with its sign: `+3`, `−12`, `0`."""
    number = int(count)
    if not number:
        return "0"
    return f"+{number}" if number > 0 else f"−{-number}"


@register.filter
def add_px(position: float, pixels: int) -> float:
    """Return a position moved by some pixels; `add` of Django drops the part behind the point."""
    return round(position + pixels, 2)
