from __future__ import annotations

from django.apps import AppConfig

from recorder.jobs import file_broker


class RecorderConfig(AppConfig):
    name = "recorder"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        file_broker.use()
