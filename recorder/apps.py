from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_delete, post_migrate, pre_migrate

from recorder.jobs.transport import register_transport


class RecorderConfig(AppConfig):
    """The Django app of the recorder."""

    name = "recorder"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Install the embedded queue's transport; let a person's secrets go with the account; keep totals."""
        # These need the models, which are loaded by now.
        from recorder.catalog.account_secrets import KINDS
        from recorder.models.totals import ensure_totals, forget_triggers

        register_transport()
        pre_migrate.connect(forget_triggers, self, dispatch_uid="triggers of totals")
        post_migrate.connect(ensure_totals, self, dispatch_uid="totals of episodes")
        for kind in KINDS:
            name = f"secrets: {kind.folder}"
            post_delete.connect(kind.forget_of_deleted, settings.AUTH_USER_MODEL, weak=False, dispatch_uid=name)
