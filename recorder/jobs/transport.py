"""Make the embedded queue known to kombu, which imports it when a process first sends or reads a message."""

from __future__ import annotations

from kombu.transport import TRANSPORT_ALIASES


def register_transport() -> None:
    """Use the transport of `file_broker` for broker URLs that begin with `filesystem://`."""
    TRANSPORT_ALIASES["filesystem"] = "recorder.jobs.file_broker:Transport"
