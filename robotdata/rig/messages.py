"""The messages of rigs and stations as text: JSON objects with a `type` and the version `v` of the protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from robotdata.files.plain_json import read_json
from robotdata.files.versions import check_version

VERSION = 1
MAX_TEXT_BYTES = 1 << 20
SOFTWARE = "robotdata 0.2.0"


class ProtocolError(ValueError):
    """A message violates the protocol; the text says what was received and what was expected."""


def encode(message: Mapping[str, Any]) -> str:
    """Return a message as JSON text, with the version; NaN and infinity, which JSON lacks, become null."""
    message = {**message, "v": VERSION}
    try:
        return json.dumps(message, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(message), separators=(",", ":"), allow_nan=False)


def decode(text: str | bytes) -> dict[str, Any]:
    """Return the message in `text`. Raises ProtocolError if it is invalid, too long or of a newer version."""
    if len(text) > MAX_TEXT_BYTES:
        raise ProtocolError(f"a message of {len(text)} bytes, want at most {MAX_TEXT_BYTES}")
    try:
        message = read_json(text)
    except ValueError as error:
        raise ProtocolError(f"a message that {error}") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ProtocolError("a message without a 'type'")
    try:
        check_version(message.get("v"), VERSION, f"the message {message['type']!r:.40}")
    except ValueError as error:
        raise ProtocolError(str(error)) from None
    return message


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float) and value - value != 0:
        return None
    return value
