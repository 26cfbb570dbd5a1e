from __future__ import annotations

from django.apps import AppConfig

from recorder.jobs import file_broker


class RecorderConfig(AppConfig):
    """The Django app of the recorder."""

    name = "recorder"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Install the embedded queue's transport."""
        file_broker.register_transport()
