from __future__ import annotations

import json
import struct
from collections.abc import Callable

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client

from recorder.models import Dataset, Episode
from tests.viewer.conftest import FRONT, TOP, MakeTake
from viewer import signals
from viewer.signals import pack_signals
from viewer.take_source import TakeSource


def unpack(data: bytes) -> tuple[dict, np.ndarray]:
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    values = np.frombuffer(data, "<f4", offset=4 + length)
    return header, values.reshape(len(header["signals"]), header["rows"])


def test_it_gives_every_signal_as_one_run_of_numbers(make_take: MakeTake) -> None:
    source = TakeSource(make_take(11))
    data = pack_signals(source)
    header, values = unpack(data)
    assert struct.unpack_from("<I", data)[0] % 4 == 0  # a browser's Float32Array begins on a multiple of 4
    assert (header["rows"], header["fps"], header["cameras"]) == (11, 30.0, [FRONT, TOP])
    assert header["signals"][1] == {"name": "elbow.pos", "feature": "action", "index": 1}
    assert values[1].tolist() == [-n for n in range(11)]
    assert values[2].tolist() == [n + 0.5 for n in range(11)]
    source.close()


def test_it_gives_the_units_that_the_rig_has_said(make_take: MakeTake) -> None:
    folder = make_take(4)
    manifest = json.loads((folder / "take.json").read_text())
    manifest["features"]["action"]["units"] = ["°", ""]
    (folder / "take.json").write_text(json.dumps(manifest))
    source = TakeSource(folder)
    header, _ = unpack(pack_signals(source))
    found = {(each["feature"], each["index"]): each.get("unit") for each in header["signals"]}
    assert found["action", 0] == "°" and found["action", 1] is None and found["observation.state", 0] is None
    source.close()


def test_it_says_what_was_too_much(make_take: MakeTake, monkeypatch) -> None:
    monkeypatch.setattr(signals, "MAX_SIGNALS", 3)
    source = TakeSource(make_take(4))
    header, values = unpack(pack_signals(source))
    assert (header["left_out"], values.shape) == (["observation.state"], (2, 4))
    source.close()


def by_feature(data: bytes) -> dict[str, list[float]]:
    """The first column of each feature."""
    header, values = unpack(data)
    return {each["feature"]: values[i].tolist() for i, each in enumerate(header["signals"]) if each["index"] == 0}


@pytest.mark.parametrize(
    ("rig", "dataset", "other"),
    [
        ("sent", "", "action/requested"),
        ("requested", "", "action/sent"),
        ("sent", "requested", "action/sent"),
        ("requested", "sent", "action/requested"),
    ],
)
def test_the_action_is_the_one_that_the_dataset_gets_and_the_other_follows(
    make_take: MakeTake, rig: str, dataset: str, other: str
) -> None:
    source = TakeSource(make_take(8, recorded_action=rig))
    found = by_feature(pack_signals(source, dataset))
    rows = {"sent": [0, 1, 2, 3, 4, 4, 4, 4], "requested": list(range(8))}
    assert list(found) == ["action", other, "observation.state"]
    assert found["action"] == rows[dataset or rig]
    assert found[other] == rows[other.rpartition("/")[2]]
    source.close()


def test_one_action_is_enough_where_both_are_equal_or_one_is_stored(make_take: MakeTake) -> None:
    for facts in ({"recorded_action": "sent", "clipped": 99}, {}):
        source = TakeSource(make_take(5, **facts))
        assert by_feature(pack_signals(source, "requested")).keys() == {"action", "observation.state"}
        source.close()


def test_the_page_gets_the_action_of_the_takes_dataset(
    client: Client, olga: User, dataset: Dataset, make_episode: Callable[..., Episode]
) -> None:
    client.force_login(olga)
    episode = make_episode(8, recorded_action="sent")
    answers = []
    for choice in ("sent", "requested"):
        Dataset.objects.update(recorded_action=choice)
        answers.append(client.get(f"/media/{episode.pk}/signals.bin"))
    assert [by_feature(answer.content)["action"][-1] for answer in answers] == [4, 7]
    assert answers[0]["ETag"] != answers[1]["ETag"]
