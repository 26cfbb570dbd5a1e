"""The shapes of the rig protocol are written once, in robotdata/rig/protocol.py: what the web checks follows them."""

from __future__ import annotations

import json
from typing import Any, get_origin, is_typeddict

import pytest

from recorder.live import rig_messages
from recorder.live.rig_messages import UnknownMessage, checked_status, read_message
from robotdata.rig import protocol
from robotdata.rig.shapes import Kind, kinds_of
from robotdata.websocket import BadMessage

PAIRS = [
    (rig_messages.Camera, protocol.CameraInfo),
    (rig_messages.RigInfo, protocol.RigInfo),
    (rig_messages.Hello, protocol.Hello),
    (rig_messages.TakeMoved, protocol.TakeEvent),
    (rig_messages.Telemetry, protocol.Telemetry),
    (rig_messages.Reply, protocol.Reply),
]
OWN = {"t"}
"""Of telemetry: passed on as it came."""


@pytest.mark.parametrize(("model", "shape"), PAIRS, ids=lambda each: each.__name__)
def test_what_the_web_reads_has_the_fields_of_the_protocol(model: Any, shape: Any) -> None:
    assert model.model_fields.keys() ^ shape.__annotations__.keys() <= OWN


def value_of(kind: Kind) -> Any:
    """A value as the shape wants it."""
    origin = get_origin(kind.type)
    if is_typeddict(kind.type):
        return example(kind.type)
    if origin is list:
        (inner,) = kind.type.__args__
        return [example(inner) if is_typeddict(inner) else "record"]
    if origin is dict:
        inner = kind.type.__args__[1]
        return {"front": example(inner) if is_typeddict(inner) else 1}
    return {str: "idle", bool: True}.get(kind.type, 3)


def example(shape: Any) -> dict[str, Any]:
    return {name: value_of(kind) for name, kind in kinds_of(shape).items()}


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every field in it, also those of what lies within, as the keys that lead there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, each in items for place in ((*way, key), *places(each, (*way, key)))]


def at(value: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        value = value[key]
    return value


STATUS = {"type": "status", **example(protocol.Status)}


def test_a_status_that_follows_the_protocol_passes_whole() -> None:
    assert len(places(STATUS)) > 50
    assert checked_status(STATUS) == STATUS


@pytest.mark.parametrize("way", [way for way in places(STATUS) if way != ("type",)], ids=str)
def test_a_field_of_another_type_is_put_aside_and_the_rest_stays(way: tuple[Any, ...]) -> None:
    odd = json.loads(json.dumps(STATUS))
    at(odd, way[:-1])[way[-1]] = {3}
    made = checked_status(odd)
    assert "{3}" not in repr(made)
    assert {name: made[name] for name in made if name != way[0]} == {
        name: STATUS[name] for name in STATUS if name != way[0]
    }


def test_a_message_of_a_newer_version_is_refused_with_both_versions() -> None:
    newer = json.dumps({**STATUS, "v": 2})
    with pytest.raises(BadMessage, match=r"version 2.*up to 1"):
        read_message(newer)
    with pytest.raises(protocol.ProtocolError, match=r"version 2.*up to 1"):
        protocol.decode(newer)
    assert read_message(protocol.encode(STATUS)).type == "status"
    assert json.loads(protocol.encode({"type": "watch"}))["v"] == protocol.VERSION
    with pytest.raises(UnknownMessage):
        read_message('{"type": "song", "v": 1}')
