"""Loads Celery's app once Django is ready: `robotdata/__init__.py` stays empty, so rooms stay light."""

from __future__ import annotations

from django.apps import AppConfig


class RobotdataConfig(AppConfig):
    name = "robotdata"

    def ready(self) -> None:
        from robotdata import celery  # noqa: F401
