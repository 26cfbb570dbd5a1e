"""The commands that start an offline rig or a station, with the server's address and token file."""

from __future__ import annotations

import shlex
import socket
from dataclasses import dataclass

from django.conf import settings

from recorder.models import Rig


@dataclass(frozen=True, slots=True)
class StartCommand:
    """The command to run on `host`. Unless `is_here`, the token file must be copied to that machine first."""

    command: str
    host: str
    is_here: bool
    token_file: str


def start_command(rig: Rig, address: str, *, secure: bool) -> StartCommand:
    """Return the command that starts `rig` and connects it to the server at `address` ("host:port")."""
    host = rig.host.split(" (process ")[0]
    token_file = str(settings.STATE_DIR / "rig-token")
    is_here = host == socket.gethostname()
    started_as = rig.status.get("started_as")
    if not isinstance(started_as, str) or not started_as:
        started_as = f"python -m robotdata.rig {shlex.quote(rig.name)}.toml --spool ~/robotdata/spool"
    url = f"{'wss' if secure else 'ws'}://{address}/ws/rig/"
    token = shlex.quote(token_file) if is_here else "rig-token"
    return StartCommand(f"{started_as} --url {url} --token-file {token}", host, is_here, token_file)


def station_command(address: str, *, secure: bool) -> str:
    """Return the command that connects another computer's station to the server at `address` ("host:port")."""
    return f"robotdata station --url {'wss' if secure else 'ws'}://{address}/ws/station/ --token-file rig-token"
