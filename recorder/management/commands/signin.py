"""`manage.py signin`: print a new one-use sign-in link for the running page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from recorder.models import SignInCode


class Command(BaseCommand):
    """The command."""

    help = "Print a new one-use sign-in link."

    def handle(self, **options: Any) -> None:
        """Print the link; it is valid for an hour."""
        lock = Path(settings.STATE_DIR) / "run.lock"
        try:
            url = str(json.loads(lock.read_text())["url"])
        except (OSError, ValueError, LookupError, TypeError):
            url = "http://127.0.0.1:8000"
        self.stdout.write(f"{url}/sign-in/?code={SignInCode.issue(minutes=60)}")
