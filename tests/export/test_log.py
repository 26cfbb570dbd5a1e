"""A take and an episode become an MCAP file, which our own import reads back: frames, values, names and times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mcap.reader import make_reader
from mcap_protobuf.decoder import DecoderFactory

from robotdata.dataset.language import EVENTS
from robotdata.dataset.reader import DatasetFolder
from robotdata.export import log_file, mcap_file
from robotdata.export.log import write_episode_log, write_take_log
from robotdata.export.log_file import MissingWriter
from robotdata.spool import Take
from robotdata.spool.language import Language
from robotdata.video import EncodeSettings
from robotdata.video.depth.packets import depth_of_packet
from tests.support.foreign import codes, imported, one_of
from tests.support.logged import DEPTH, FRONT, MS, NAMES, START, TICKS, commit, depth, jpeg, write_take


def messages(path: Path) -> dict[str, list[tuple[int, Any]]]:
    """The messages by topic, decoded by the format's own packages."""
    found: dict[str, list[tuple[int, Any]]] = {}
    with path.open("rb") as file:
        for schema, channel, message in make_reader(file).iter_messages():
            is_json = channel.message_encoding == "json"
            decode = json.loads if is_json else DecoderFactory().decoder_for("protobuf", schema)
            found.setdefault(channel.topic, []).append((message.log_time, decode(message.data)))
    return found


def metadata(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        (only,) = make_reader(file).iter_metadata()
        return only.metadata


def test_a_take_passes_its_jpegs_values_and_its_own_times(tmp_path: Path) -> None:
    folder, path = write_take(tmp_path / "t"), tmp_path / "log.mcap"
    write_take_log(folder, path, ticks=(2, 9), facts={"task": "push", "episode": "#4"})
    found = messages(path)
    rows = [START + tick * 50 * MS for tick in range(2, 9)]
    assert [time for time, _ in found["observation.state"]] == rows
    assert found["observation.state"][0][1] == {"name": NAMES, "data": [2.5, -1.5]}
    assert [message["data"][0] for _, message in found["action"]] == [2, 3, 4, 4, 4, 4, 4]
    assert [message["data"][0] for _, message in found["action/requested"]] == [2, 3, 4, 5, 6, 7, 8]
    assert [time for time, _ in found[FRONT]] == [time - 7 * MS for time in rows]
    assert [(each.format, each.data) for _, each in found[FRONT]] == [("jpeg", jpeg(tick)) for tick in range(2, 9)]
    assert found[FRONT][0][1].timestamp.ToNanoseconds() == rows[0] - 7 * MS
    assert [(each.encoding, each.step) for _, each in found[DEPTH]] == [("16UC1", 128)] * 7
    assert found["task"][0][1] == {"text": "push"}
    assert metadata(path) | {"task": "push", "episode": "#4"} == metadata(path)
    assert "left_out" not in metadata(path)


def test_what_was_written_of_a_take_is_read_back_by_our_import(tmp_path: Path) -> None:
    folder, path = write_take(tmp_path / "t"), tmp_path / "log.mcap"
    write_take_log(folder, path, facts={"task": "push"})
    recording, mapping = one_of(path)
    assert not [stream for stream in recording.streams if stream.problem]
    assert mapping.features["observation.state"].streams == ("observation.state.data",)
    assert mapping.features["action"].streams == ("action.data",)
    done = imported(path, tmp_path / "spool")
    with Take.open(tmp_path / "spool/a") as take:
        assert take.manifest["features"]["observation.state"]["names"] == NAMES
        assert (take.manifest["task"], take.manifest["fps"], done.rows) == ("push", 20, TICKS)
        assert take.column("monotonic_ns").tolist() == [START + tick * 50 * MS for tick in range(TICKS)]
        assert codes(take, FRONT) == list(range(TICKS))
        assert take.camera(FRONT).packet(5) == jpeg(5)
        assert take.camera(FRONT).captured_ns.tolist() == [START + tick * 50 * MS - 7 * MS for tick in range(TICKS)]
        stored = take.camera(next(key for key in take.cameras if "depth" in key))
        np.testing.assert_array_equal(depth_of_packet(stored.packet(5)), depth(5))
        assert take.column("action")[:, 0].tolist() == [min(tick, 4) for tick in range(TICKS)]


@pytest.mark.parametrize("codec", ["h264", "hevc", "libsvtav1"])
def test_the_packets_of_an_episode_pass_and_are_read_back(tmp_path: Path, codec: str) -> None:
    settings = EncodeSettings(codec=codec, g=5, extra_options={"bf": "0"} if codec != "libsvtav1" else {})
    root = commit(write_take(tmp_path / "t", with_depth=False), tmp_path / "d", settings)
    path = tmp_path / "log.mcap"
    write_episode_log(root, 0, path, start_ns=START, facts={"episode": "#1"})
    found = messages(path)
    kind = {"hevc": "h265", "libsvtav1": "av1"}.get(codec, codec)
    assert [each.format for _, each in found[FRONT]] == [kind] * TICKS
    assert [time for time, _ in found[FRONT]] == [START + tick * 50 * MS for tick in range(TICKS)]
    assert found["task"][0][1] == {"text": "push"}
    done = imported(path, tmp_path / "spool")
    with Take.open(tmp_path / "spool/a") as take:
        assert codes(take, FRONT) == list(range(TICKS)) and done.rows == TICKS
        want = DatasetFolder.open(root).signal(0, "observation.state")
        np.testing.assert_array_equal(take.signal("observation.state"), want)
        assert take.manifest["task"] == "push"


def test_every_h264_keyframe_can_be_decoded_alone(tmp_path: Path) -> None:
    settings = EncodeSettings(codec="h264", g=5, extra_options={"bf": "0"})
    root = commit(write_take(tmp_path / "t", with_depth=False), tmp_path / "d", settings)
    write_episode_log(root, 0, tmp_path / "log.mcap")
    packets = [message.data for _, message in messages(tmp_path / "log.mcap")[FRONT]]
    for number in (0, 5, 10):
        decoder = av.CodecContext.create("h264", "r")
        assert packets[number].startswith(b"\0\0\0\1")
        assert len(decoder.decode(av.Packet(packets[number])) + decoder.decode(None)) == 1


def test_videos_that_are_not_shown_in_the_order_of_their_packets_become_jpeg(tmp_path: Path) -> None:
    settings = EncodeSettings(codec="h264", g=12, extra_options={"bf": "3", "b_strategy": "0"})
    root = commit(write_take(tmp_path / "t"), tmp_path / "d", settings)
    write_episode_log(root, 0, tmp_path / "log.mcap", start_ns=START)
    found = messages(tmp_path / "log.mcap")
    assert {each.format for _, each in found[FRONT]} == {"jpeg"}
    imported(tmp_path / "log.mcap", tmp_path / "spool")
    with Take.open(tmp_path / "spool/a") as take:
        assert codes(take, FRONT) == list(range(TICKS))
        stored = take.camera(next(key for key in take.cameras if "depth" in key))
        np.testing.assert_allclose(depth_of_packet(stored.packet(5)).astype(int), depth(5), atol=2)


def test_a_frame_that_is_damaged_is_left_out_and_counted(tmp_path: Path) -> None:
    folder, path = write_take(tmp_path / "t"), tmp_path / "log.mcap"
    with Take.open(folder) as take:
        at = (folder / f"{FRONT}.mkv").read_bytes().index(take.camera(FRONT).packet(3))
    with (folder / f"{FRONT}.mkv").open("r+b") as file:
        file.seek(at + 100)
        file.write(b"\0" * 50)
    write_take_log(folder, path)
    assert len(messages(path)[FRONT]) == TICKS - 1
    assert json.loads(metadata(path)["left_out"]) == [f"{FRONT}: 1 of its messages cannot be read"]


def test_without_the_package_the_error_has_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str) -> Any:
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(log_file.importlib, "import_module", missing)
    with pytest.raises(MissingWriter, match=r"pip install .*imports"):
        mcap_file.need("mcap.writer")


def said(found: dict[str, list[tuple[int, Any]]], topic: str, times: list[int]) -> list[tuple[int, str]]:
    """Row and text of the messages of a topic."""
    return [(times.index(time), message["text"]) for time, message in found[topic]]


SPANS = [{"first": 1, "end": 4, "text": "reach"}, {"first": 4, "end": 7, "text": "lift"}]
WORDS = {
    "subtasks": SPANS,
    "remarks": [{"frame": 5, "text": "slower"}, {"frame": 6, "text": "ok", "role": "assistant"}],
}


def test_what_is_said_of_a_take_is_in_its_log(tmp_path: Path) -> None:
    folder, path = write_take(tmp_path / "t", with_depth=False), tmp_path / "log.mcap"
    write_take_log(folder, path, ticks=(2, 9), language=Language.parse(WORDS, TICKS), facts={"task": "push"})
    found, times = messages(path), [START + tick * 50 * MS for tick in range(2, 9)]
    assert said(found, "subtask", times) == [(0, "reach"), (2, "lift"), (5, "")], "an empty text ends the last one"
    assert (said(found, "remark/user", times), said(found, "remark/assistant", times)) == ([(3, "slower")], [(4, "ok")])
    assert "left_out" not in metadata(path)
    imported(path, tmp_path / "spool")
    with Take.open(tmp_path / "spool/a") as take:
        assert (take.manifest["task"], codes(take, FRONT)) == ("push", list(range(2, 9)))


def test_what_is_said_of_an_episode_is_in_its_log(tmp_path: Path) -> None:
    settings = EncodeSettings(codec="h264", preset="ultrafast")
    root = commit(write_take(tmp_path / "t", with_depth=False), tmp_path / "d", settings, Language.parse(WORDS, TICKS))
    path = tmp_path / "log.mcap"
    write_episode_log(root, 0, path, start_ns=START)
    found, times = messages(path), [START + row * 50 * MS for row in range(TICKS)]
    assert said(found, "subtask", times) == [(1, "reach"), (4, "lift"), (7, "")]
    assert (said(found, "remark/user", times), said(found, "remark/assistant", times)) == ([(5, "slower")], [(6, "ok")])
    assert "left_out" not in metadata(path)


def test_what_other_programs_say_is_left_out_and_counted(tmp_path: Path) -> None:
    settings = EncodeSettings(codec="h264", preset="ultrafast")
    root = commit(write_take(tmp_path / "t", with_depth=False), tmp_path / "d", settings, Language.parse(WORDS, TICKS))
    (file,) = (root / "data").rglob("*.parquet")
    table = pq.read_table(file)
    rows = table.column(EVENTS).to_pylist()
    rows[3] = [{**rows[5][0], "style": "vqa", "content": "how many?"}]
    place = table.column_names.index(EVENTS)
    pq.write_table(table.set_column(place, EVENTS, pa.array(rows, table.schema.field(EVENTS).type)), file)
    write_episode_log(root, 0, tmp_path / "log.mcap")
    assert json.loads(metadata(tmp_path / "log.mcap")["left_out"]) == ["language: 1 entry of other programs"]
