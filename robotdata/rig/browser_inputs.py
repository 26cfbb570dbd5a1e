"""Messages from browsers to the devices of a rig, as they come over its link, and the devices' answers."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from robotdata.capture.inputs import InputError, Inputs, Sender
from robotdata.rig.messages import ProtocolError, decode, encode

log = logging.getLogger(__name__)
MAX_INPUT_BYTES = 8192
MAX_PER_SECOND = 50
MAX_FRAME_BYTES = 900_000
"""Of a message with a picture; with its head it stays below what a rig's link takes."""
MAX_HEAD_BYTES, MAX_RIG_HEAD_BYTES = 2048, 16_384
"""Of the JSON before a picture: as a page sends it, and as it reaches a rig, with its sender and in ASCII."""
_HEAD = struct.Struct("!HH")
"""Before a message with a picture: the version of this layout, and the length of the JSON before the JPEG."""
_LAYOUT = 1
_LONGEST_ID, _LONGEST_NAME = 200, 150
_SENDERS = 64


def read_input(message: Mapping[str, Any]) -> tuple[str, Sender, Mapping[str, Any]]:
    """Return device, sender and body of an `input` message. Raises ProtocolError; a device checks the body itself."""
    device, sender, body = message.get("device"), message.get("from"), message.get("body")
    if not isinstance(device, str) or not 0 < len(device) <= _LONGEST_ID:
        raise ProtocolError("an input without a usable 'device'")
    if not isinstance(sender, Mapping) or not isinstance(body, Mapping):
        raise ProtocolError("an input without the objects 'from' and 'body'")
    sender_id, name = sender.get("id"), sender.get("name")
    if not isinstance(sender_id, str) or not 0 < len(sender_id) <= _LONGEST_ID or not isinstance(name, str):
        raise ProtocolError("an input whose 'from' lacks a usable 'id' or 'name'")
    return device, Sender(sender_id, name[:_LONGEST_NAME]), body


def pack_picture(message: Mapping[str, Any], jpeg: bytes) -> bytes:
    """Return a message with a picture as bytes. Raises ProtocolError if the message is too long for a rig."""
    head = encode(message).encode()
    if len(head) > MAX_RIG_HEAD_BYTES:
        raise ProtocolError(f"a picture whose head has {len(head)} bytes, want at most {MAX_RIG_HEAD_BYTES}")
    return _HEAD.pack(_LAYOUT, len(head)) + head + jpeg


def unpack_picture(data: bytes, longest: int = MAX_HEAD_BYTES) -> tuple[dict[str, Any], bytes]:
    """Return message, of at most `longest` bytes, and picture. Raises ProtocolError."""
    if len(data) < _HEAD.size:
        raise ProtocolError(f"a message of {len(data)} bytes, want a head of {_HEAD.size} at least")
    layout, length = _HEAD.unpack_from(data)
    if layout != _LAYOUT:
        raise ProtocolError(f"a picture of layout {layout}, want {_LAYOUT}")
    if length > longest:
        raise ProtocolError(f"a picture whose head has {length} bytes, want at most {longest}")
    end = _HEAD.size + length
    if end > len(data):
        raise ProtocolError(f"a picture whose head has {length} bytes, of {len(data)} altogether")
    return decode(data[_HEAD.size : end]), data[end:]


class InputDoor:
    """Gives messages to the devices and sends their answers, the newest of each sender and device; nothing queues."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._answers: dict[tuple[str, str], dict[str, Any]] = {}
        self._ready = asyncio.Event()

    def take_picture(self, data: bytes) -> None:
        """Pass an `input` message with a picture on, as `take` does."""
        message, jpeg = unpack_picture(data, MAX_RIG_HEAD_BYTES)
        self.take(message, jpeg)

    def take(self, message: Mapping[str, Any], jpeg: bytes | None = None) -> None:
        """Pass an `input` message on and keep the answer for `send`. Raises ProtocolError."""
        device, sender, body = read_input(message)
        try:
            answer = self._inputs.offer(device, sender, body if jpeg is None else {**body, "jpeg": jpeg})
        except InputError as error:
            log.debug("input of %s for %s: %s", sender.name, device, error)
            answer = {"seq": body.get("seq"), "state": "invalid", "text": str(error)[:500]}
        except Exception:  # the emergency stop comes over the same link: no message of a page may end it
            log.exception("input of %s for %s", sender.name, device)
            answer = {"seq": body.get("seq"), "state": "invalid", "text": "the rig failed at it: see the rig's log"}
        if (device, sender.id) not in self._answers and len(self._answers) >= _SENDERS:
            self._answers.pop(next(iter(self._answers)))
        self._answers[device, sender.id] = {"type": "heard", "device": device, "to": sender.id, "body": answer}
        self._ready.set()

    async def send(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send the answers as they come, until cancelled."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._answers:
                await send(encode(self._answers.pop(next(iter(self._answers)))))
