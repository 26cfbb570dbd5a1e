"""The embedded queue: kombu's folder of messages, with messages written atomically.

kombu opens a message under its final name and writes afterwards. A worker that reads in between gets an empty message
and exits, and its running job is lost.
"""

# mypy: disable-error-code="no-untyped-call, override"
from __future__ import annotations

import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """Write each message under another name first; skip files that are not valid messages."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:
        # Unix time, because messages are ordered by name and the monotonic clock restarts with the machine.
        name = f"{time.time_ns():020d}_{uuid.uuid4().hex}.{queue}.msg"
        self._write(Path(self.data_folder_out) / name, payload)

    def _get(self, queue: str) -> Any:
        try:
            return super()._get(queue)
        except ValueError:  # an incomplete message, left by a killed process or a full disk
            raise Empty from None

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        entry = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        table = self.get_table(exchange)
        if entry not in table:
            self.control_folder.mkdir(parents=True, exist_ok=True)
            self._write(self._exchange_file(exchange), [entry, *table])

    def get_table(self, exchange: str) -> list[Any]:
        """Return the bindings of `exchange`; an unreadable table counts as empty."""
        try:
            return list(super().get_table(exchange))
        except ValueError:
            return []

    @staticmethod
    def _write(path: Path, value: Any) -> None:
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
        try:
            part.write_text(dumps(value))
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise ChannelError(f"Cannot add {path} to the queue: {error}") from error


class Transport(filesystem.Transport):
    """kombu's filesystem transport with the channel of this module."""

    Channel = Channel
