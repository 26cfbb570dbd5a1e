from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_delete

from recorder.jobs import file_broker


class RecorderConfig(AppConfig):
    """The Django app of the recorder."""

    name = "recorder"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Install the embedded queue's transport; let a person's token for the Hub go with the account."""
        from recorder.catalog.hub_tokens import forget_of_deleted  # needs the models, which are loaded by now

        file_broker.register_transport()
        post_delete.connect(forget_of_deleted, sender=settings.AUTH_USER_MODEL)
