from __future__ import annotations

import math
from typing import Any

import pytest

from recorder.task_text import checked_task
from robotdata.rig import protocol
from robotdata.rig.previews import pack_preview, unpack_preview
from robotdata.rig.protocol import CommandRefused, ProtocolError


def test_it_carries_a_preview_whole() -> None:
    data = pack_preview(2, 7, 1_790_000_000_000_000_000, b"\xff\xd8jpeg")
    assert len(data) == 16 + 6
    assert unpack_preview(data) == (2, 7, 1_790_000_000_000_000_000, b"\xff\xd8jpeg")


@pytest.mark.parametrize("data", [b"", bytes(16), bytes(17), b"\x02" + bytes(40)])
def test_it_refuses_what_is_no_preview(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="preview"):
        unpack_preview(data)


def test_it_says_null_where_a_number_is_none() -> None:
    text = protocol.encode({"type": "telemetry", "rows": [[1.0, [math.nan, 2.0], [math.inf]]]})
    assert protocol.decode(text)["rows"] == [[1.0, [None, 2.0], [None]]]


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"type": 1}', "[" * 100_000, "x" * (1 << 21)])
def test_it_refuses_what_is_no_message(text: str) -> None:
    with pytest.raises(ProtocolError):
        protocol.decode(text)


def test_it_reads_a_command() -> None:
    command = protocol.parse_command({"type": "command", "id": "a", "name": "stop", "args": None})
    assert (command.id, command.name, command.args) == ("a", "stop", {})


@pytest.mark.parametrize("text", ["push  the\ncube", " push the cube ", "push\tthe\u00a0cube\r\n"])
def test_it_keeps_a_task_as_the_web_does(text: str) -> None:
    assert protocol.parse_record({"task": text}).task == checked_task(text) == "push the cube"


def test_it_names_the_command_that_is_none() -> None:
    with pytest.raises(CommandRefused, match="explode") as refused:
        protocol.parse_command({"id": "a", "name": "explode"})
    assert refused.value.as_error()["code"] == "bad_args"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("countdown_s", -1),
        ("countdown_s", "3"),
        ("episode_s", math.nan),
        ("reset_s", True),
        ("task", 5),
        ("task", "x" * 1001),
        ("expect", []),
        ("take", "x" * 37),
    ],
)
def test_it_names_the_argument_that_is_wrong(name: str, value: Any) -> None:
    with pytest.raises(CommandRefused, match=name):
        protocol.parse_record({name: value})


def test_it_takes_nothing_for_an_answer() -> None:
    args = protocol.parse_record({})
    assert (args.countdown_s, args.episode_s, args.reset_s, args.take) == (0.0, None, None, None)


def test_it_watches_only_what_is_wanted() -> None:
    wanted = protocol.parse_watch({"cameras": {"a": 30, "b": 0, "c": "fast", "d": 1e9}})
    assert wanted == {"a": 30.0, "d": 240.0}
