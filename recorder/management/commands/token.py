"""`manage.py token NAME`: print a new API token for a program."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser

from recorder.management.terminal import TerminalCommand
from recorder.models import ApiToken
from recorder.models.access import ensure_operator


class Command(TerminalCommand):
    """The command."""

    help = "Print a new bearer token for /api/; it is shown only once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the token's name."""
        parser.add_argument("name", help="what the token is for; shown on the admin page")

    def handle(self, **options: Any) -> None:
        """Create the token for the operator's account, and print it."""
        user = get_user_model().objects.get(username=ensure_operator())
        self.stdout.write(ApiToken.issue(user_id=user.pk, name=options["name"][:80]))
