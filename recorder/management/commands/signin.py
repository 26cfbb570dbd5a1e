"""`manage.py signin`: print a new one-use sign-in link for the running page."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings

from recorder.management.terminal import TerminalCommand
from recorder.models import SignInCode
from robotdata.files.lock import read_holder


class Command(TerminalCommand):
    """The command."""

    help = "Print a new one-use sign-in link."

    def handle(self, **options: Any) -> None:
        """Print the link; it is valid for an hour."""
        lock = Path(settings.STATE_DIR) / "run.lock"
        url = None
        with suppress(OSError), lock.open("rb") as file:
            url = read_holder(file.fileno()).get("url")
        self.stdout.write(f"{url or 'http://127.0.0.1:8000'}/sign-in/?code={SignInCode.issue(minutes=60)}")
