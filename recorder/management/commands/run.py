"""`manage.py run`: the whole product on one machine: web, worker, station and rigs, from one terminal."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from recorder.management.embedded import Embedded, EmbeddedError, Options
from recorder.management.terminal import TerminalCommand


class Command(TerminalCommand):
    """The command; it ends when the processes have ended."""

    help = "Start web, worker and rigs on this machine; Ctrl-C stops them in order."
    requires_system_checks = []  # `migrate` checks already, and a second check would delay the start

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the address, the rigs and the parts to start."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: 8000; 0: any free one)")
        parser.add_argument(
            "--rig", action="append", default=[], metavar="FILE.toml", help="a rig file; may be repeated"
        )
        parser.add_argument(
            "--no-rig", action="store_true", help="start no rig and no station here; they connect from elsewhere"
        )
        parser.add_argument("--tls", action="store_true", help="serve https, with a certificate authority of this home")
        parser.add_argument("--no-worker", action="store_true", help="encode elsewhere")

    def handle(self, **options: Any) -> None:
        """Run the product. Raise CommandError if it cannot start."""
        chosen = Options(
            host=options["host"],
            port=options["port"],
            rigs=options["rig"],
            with_rig=not options["no_rig"],
            with_worker=not options["no_worker"],
            tls=options["tls"],
        )
        try:
            Embedded(chosen, say=self.say).run()
        except EmbeddedError as error:
            raise CommandError(str(error)) from error

    def say(self, text: str) -> None:
        """Print one line at once."""
        self.stdout.write(text)
        self.stdout.flush()
