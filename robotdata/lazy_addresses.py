"""Addresses whose modules are imported when one of them is asked for, or after the start, and not at the start."""

from __future__ import annotations

from typing import Any

from django.urls import URLResolver
from django.urls.resolvers import RoutePattern


class LazyAddresses(URLResolver):
    """The addresses below `route` in the module `urls`, in a namespace of their own.

    Django imports the modules of all addresses to look up the name of a page; this resolver imports its module only
    for an address or a name of its own.
    """

    def __init__(self, route: str, urls: str, *, app_name: str, namespace: str) -> None:
        super().__init__(RoutePattern(route, is_endpoint=False), urls, app_name=app_name, namespace=namespace)
        self._is_needed = False

    def _populate(self) -> None:
        if self._is_needed:
            super()._populate()

    @property
    def reverse_dict(self) -> Any:
        """Return the addresses by name."""
        self._is_needed = True
        return super().reverse_dict

    @property
    def namespace_dict(self) -> Any:
        """Return the namespaces inside this one."""
        self._is_needed = True
        return super().namespace_dict

    @property
    def app_dict(self) -> Any:
        """Return the apps inside this one."""
        self._is_needed = True
        return super().app_dict
