from __future__ import annotations

from django.apps import AppConfig

from recorder import broker


class RecorderConfig(AppConfig):
    name = "recorder"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        broker.use()
