"""Celery's app: encode and commit jobs, and the sweep that gives back what dead workers held."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "robotdata.settings")
app = Celery("robotdata")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["recorder.worker", "recorder.quality"])
