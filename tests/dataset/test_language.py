"""LeRobot's columns of language: written for people, moved with the frames; what others wrote survives."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import (
    DatasetFolder,
    DatasetSpec,
    EditError,
    NewEpisode,
    commit_episodes,
    delete_episodes,
    set_tasks,
    verify_dataset,
)
from robotdata.dataset.errors import CommitError, DamagedFile, FeaturesDiffer
from robotdata.dataset.language import EVENTS, PERSISTENT, first_frame, read_language, with_language
from robotdata.dataset.write.change_run import change_features
from robotdata.dataset.write.data_files import episode_tables
from robotdata.dataset.write.edit import revert, trim_episodes
from robotdata.dataset.write.feature_change import FeatureChange
from robotdata.dataset.write.language_rows import cut_language, moved_lasting, thinned
from robotdata.dataset.write.transfer import Where, copy_episodes, merge, split
from robotdata.spool.language import Language, LanguageError, Remark, Subtask
from tests.dataset.conftest import FEATURES, FPS, Bench

SAID = Language((Subtask(1, 3, "reach"), Subtask(3, 6, "lift")), (Remark(2, "slower"),))
ENDS = [("a", 0), ("", 1.4), ("b", 1.6)]
CALL = '{"type":"function","function":{"name":"say","arguments":{"text":"ok"}}}'


def table_of(language: Language, length: int, fps: float = FPS) -> pa.Table:
    rows = {"frame_index": pa.array(range(length))}
    return pa.table({**rows, **with_language(pa.table(rows), language, fps)})


def write(bench: Bench, languages: dict[int, Language]) -> None:
    value = {str(number): language.as_json() for number, language in languages.items()}
    change = FeatureChange.from_json(json.loads(json.dumps(FeatureChange(language=value).as_json())))
    change_features(bench.root, change, **bench.places)
    assert verify_dataset(bench.root).problems == []


def rows_of(root: Path) -> list[dict[str, Any]]:
    return pa.concat_tables([pq.read_table(path) for path in sorted(root.glob("data/*/*.parquet"))]).to_pylist()


def test_rows_are_lerobots() -> None:
    table = table_of(SAID, 7)
    plain = {"role": "assistant", "style": "subtask", "camera": None, "tool_calls": None}
    shown = [(row["content"], row["timestamp"]) for row in table[PERSISTENT][0].as_py()]
    assert shown == [(text, pytest.approx(frame / FPS)) for text, frame in (("reach", 1), ("lift", 3), ("", 6))]
    assert {row.as_py() is None or str(row) for row in table[PERSISTENT]} == {str(table[PERSISTENT][0])}
    assert table[PERSISTENT][0].as_py()[0].items() >= plain.items()
    assert [len(row) for row in table[EVENTS].to_pylist()] == [0, 0, 1, 0, 0, 0, 0]
    remark = {"role": "user", "content": "slower", "style": "interjection", "camera": None, "tool_calls": None}
    assert table[EVENTS][2].as_py() == [remark]
    assert read_language(table, FPS).language == SAID


@pytest.mark.parametrize("fps", [7, 29.97, 30, 100])
def test_a_cut_moves_times_to_the_same_frames(fps: float) -> None:
    chance = random.Random(int(fps))
    for _ in range(60):
        length = chance.randint(2, 50)
        cuts = sorted(chance.sample(range(length + 1), 3 if length > 1 else 2))
        spans = [Subtask(a, b, f"do {a}") for a, b in zip(cuts, cuts[1:], strict=False) if chance.random() < 0.8]
        language = Language(tuple(spans), (Remark(chance.randrange(length), "now"),))
        first = chance.randrange(length)
        end = chance.randint(first + 1, length)
        cut = cut_language(table_of(language, length, fps).slice(first, end - first), (first, end), length, fps)
        read = read_language(cut, fps)
        assert (read.language, read.odd) == (language.within(first, end), "")


@pytest.mark.parametrize(("fps", "frame"), [(100, 220_000), (100, 400_001), (1000, 100_003), (30, 3_000_001)])
def test_times_late_in_a_long_episode_come_back_to_their_frames(fps: float, frame: int) -> None:
    for at in range(frame, frame + 50):
        time = float(np.float32(at / fps))
        assert first_frame(time, fps) == at
        entry = {"role": "assistant", "content": "lift", "style": "subtask", "timestamp": time}
        column = pa.array([[entry]], table_of(SAID, 7)[PERSISTENT].type)
        moved = moved_lasting(column, (frame - 7, frame + 100), frame + 100, fps)
        assert first_frame(moved[0].as_py()[0]["timestamp"], fps) == at - frame + 7


def test_dropped_frames_keep_what_is_said_in_them() -> None:
    said = Language((), tuple(Remark(frame, f"at {frame}") for frame in range(7)))
    rows = thinned(table_of(said, 7), pa.array([1, 3, 5]).to_numpy())
    assert [[one["content"][-1] for one in row] for row in rows[EVENTS].to_pylist()] == [
        ["0", "1", "2"],
        ["3", "4"],
        ["5", "6"],
    ]


def test_an_episode_in_many_row_groups_keeps_what_is_said_where_they_meet(tmp_path: Path) -> None:
    said = Language((), tuple(Remark(frame, "now") for frame in range(75)))
    table = table_of(said, 75)
    rows = table.append_column("episode_index", pa.array([0] * 70 + [1] * 5))
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=1)
    first, second = episode_tables(tmp_path / "rows.parquet")
    assert (first.num_rows, second.num_rows) == (70, 5)
    kept = thinned(first, np.arange(0, 70, 3))
    assert [len(row) for row in kept[EVENTS].to_pylist()] == [3] * 23 + [1]


def test_the_first_words_add_the_columns_to_all_and_one_press_takes_them_back(six: Bench) -> None:
    before = rows_of(six.root)
    write(six, {1: SAID})
    dataset = six.open()
    assert [dataset.language(n).language for n in range(6)] == [SAID if n == 1 else Language() for n in range(6)]
    entry = {"dtype": "language", "shape": [1], "names": None}
    assert dataset.info["features"][PERSISTENT] == dataset.info["features"][EVENTS] == entry
    revert(six.root, dataset.revision - 1, **six.places)
    assert rows_of(six.root) == before and PERSISTENT not in six.open().features


def test_an_edit_writes_only_the_files_that_hold_its_episodes(six: Bench) -> None:
    write(six, {})
    files = {path: path.stat().st_ino for path in six.root.glob("data/*/*.parquet")}
    changed = six.open().episode(1).data_file
    write(six, {1: SAID})
    now = {path: path.stat().st_ino for path in files}
    assert {path for path in files if files[path] != now[path]} == {changed}


def test_as_many_subtasks_as_are_accepted_can_be_read_and_edited_again(bench: Bench) -> None:
    length = 15_000
    features = {"action": {"dtype": "float32", "shape": [1], "names": None}}
    action = {"action": np.zeros((length, 1), np.float32)}
    plain = [NewEpisode(f"00000000-0000-0000-0000-00000000000{n}", "push", action, length, {}, {}) for n in range(2)]
    bench.commit(plain, features=features)
    step = length // 90
    most = Language(tuple(Subtask(n * step, (n + 1) * step, f"{n} ".ljust(50, "x")) for n in range(90)))
    write(bench, {0: most, 1: most})
    assert bench.open().language(0).language == most
    set_tasks(bench.root, {0: "another"}, **bench.places)
    delete_episodes(bench.root, [0], **bench.places)
    write(bench, {0: SAID})
    assert bench.open().language(0).language == SAID


def test_more_subtasks_than_can_be_read_back_are_refused() -> None:
    spans = [{"first": n, "end": n + 1, "text": "grasp the cube"} for n in range(900)]
    assert Language.parse({"subtasks": spans}, 2000)
    with pytest.raises(LanguageError, match="set fewer or shorter ones"):
        Language.parse({"subtasks": spans}, 20_000)


def test_trims_and_cuts_move_them(six: Bench) -> None:
    write(six, {1: SAID, 5: SAID})
    trim_episodes(six.root, {1: (2, 5)}, **six.places)
    dataset = six.open()
    assert dataset.language(1).language == SAID.within(2, 5)
    assert dataset.language(5).language == SAID


def test_a_copy_keeps_them_and_an_episode_without_them_fits(six: Bench) -> None:
    part, rest, whole = (six.root.with_name(name) for name in ("part", "rest", "whole"))
    where = {path: Where(path.parent / ".work", path.parent / ".revisions" / path.name) for path in (part, rest, whole)}
    split(six.root, {part: [1, 4], rest: [0, 2, 3, 5]}, {part: where[part], rest: where[rest]})
    write(six, {1: SAID})
    copy_episodes(rest, [0], six.root, Where(**six.places))
    assert [six.open().language(n).language for n in (1, 6)] == [SAID, Language()]
    merge([six.root, part], whole, where[whole])
    assert DatasetFolder.open(whole).language(1).language == SAID


def test_new_episodes_bring_theirs_and_others_get_none(six: Bench, new: Any) -> None:
    six.commit([new(7, 6)])
    assert PERSISTENT not in six.open().features
    six.commit([replace(new(8, 7), language=SAID), new(9, 3)])
    six.commit([new(10, 4)])
    dataset = six.open()
    said = [dataset.language(n).language for n in range(10)]
    assert [n for n, each in enumerate(said) if each] == [7] and said[7] == SAID
    assert verify_dataset(six.root).problems == []


def test_a_commit_that_is_refused_adds_no_columns(six: Bench, new: Any) -> None:
    said, before = replace(new(8, 7), language=SAID), six.fingerprint()
    with pytest.raises(FeaturesDiffer):
        commit_episodes(six.root, DatasetSpec(FPS + 20, "arm", FEATURES), [said], **six.places)
    with pytest.raises(CommitError, match="has no task"):
        six.commit([replace(said, tasks=" ")])
    assert six.fingerprint() == before


def test_the_columns_come_in_the_revision_of_the_commit(six: Bench, new: Any) -> None:
    before, made_by = six.open(), {"by": "olga", "operation": "1234"}
    commit_episodes(
        six.root, DatasetSpec(FPS, "arm", FEATURES), [replace(new(8, 7), language=SAID)], made_by=made_by, **six.places
    )
    now = six.open()
    assert now.revision == before.revision + 1 and now.sidecar.made_by["what"] == "committed"
    assert now.sidecar.made_by["operation"] == "1234" and now.language(6).language == SAID
    revert(six.root, before.revision, **six.places)
    assert PERSISTENT not in six.open().features


def test_a_commit_that_fails_late_leaves_no_columns(six: Bench, new: Any, tmp_path: Path) -> None:
    before, gone = six.fingerprint(), tmp_path / "gone.mp4"
    said = replace(new(8, 7), language=SAID)
    with pytest.raises(CommitError, match=r"gone\.mp4"):
        six.commit([replace(said, videos=dict.fromkeys(said.videos, gone))])
    assert six.fingerprint() == before and list(six.places["work"].glob("*")) == []


def test_a_new_dataset_gets_the_columns_with_its_first_words(bench: Bench, new: Any) -> None:
    bench.commit([new(0, 6), replace(new(1, 7), language=SAID)])
    assert bench.open().language(1).language == SAID and not bench.open().language(0).language


def test_what_others_wrote_survives_an_edit(six: Bench) -> None:
    plan = {"role": "assistant", "content": "1. lift", "style": "plan", "timestamp": 0.0}
    call = {"role": "assistant", "content": None, "style": None, "tool_calls": [CALL]}
    annotate(six.root, [plan], {3: [call]})
    write(six, {1: SAID})
    rows = [row for row in rows_of(six.root) if row["episode_index"] == 1]
    assert all(row[PERSISTENT][0].items() >= plan.items() and len(row[PERSISTENT]) == 4 for row in rows)
    assert rows[3][EVENTS][0].items() >= call.items() and rows[2][EVENTS][0]["content"] == "slower"
    spoken = six.open().language(1)
    assert [(each.frame, each.style) for each in spoken.others] == [(0, "plan"), (3, "says")]


def test_an_end_and_a_begin_at_one_frame_are_the_begin() -> None:
    rows = [{"role": "assistant", "content": text, "style": "subtask", "timestamp": at / FPS} for text, at in ENDS]
    read = read_language(pa.table({PERSISTENT: pa.array([rows] * 5, table_of(SAID, 7)[PERSISTENT].type)}), FPS)
    assert (read.language.subtasks, read.odd) == ((Subtask(0, 2, "a"), Subtask(2, 5, "b")), "")


def test_subtasks_of_another_form_are_shown_and_not_edited(six: Bench) -> None:
    twice = [{"role": "assistant", "content": word, "style": "subtask", "timestamp": 0.0} for word in ("a", "b")]
    annotate(six.root, twice, {})
    spoken = six.open().language(1)
    assert "two begin at the same frame" in spoken.odd and [each.text for each in spoken.others] == ["a", "b"]
    with pytest.raises(EditError, match="not edited here"):
        write(six, {1: SAID})


@pytest.mark.parametrize("time", [1e308, -1e308, math.inf, math.nan])
def test_a_time_that_no_episode_has_is_shown(time: float) -> None:
    kind = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string()), ("style", pa.string())]))
    kind = pa.list_(pa.struct([*kind.value_type, ("timestamp", pa.float64())]))
    row = [{"role": "assistant", "content": "lift", "style": "plan", "timestamp": time}]
    assert read_language(pa.table({PERSISTENT: pa.array([row] * 3, kind)}), 30.0).others[0].text == "lift"


def test_times_that_are_text_are_not_edited() -> None:
    entry = {"role": "assistant", "content": "lift", "style": "subtask", "timestamp": "0.5"}
    table = pa.table({PERSISTENT: [[entry]] * 3})
    assert "other types" in read_language(table, 30.0).odd
    with pytest.raises(EditError, match="other types"):
        with_language(table, SAID, 30.0)


def test_text_that_is_no_text_is_named(six: Bench) -> None:
    annotate(six.root, [{"role": "user", "content": "MARKER", "style": "plan", "timestamp": 0.0}], {})
    for path in six.root.glob("data/*/*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table, path, compression="none", write_page_checksum=False)
        path.write_bytes(path.read_bytes().replace(b"MARKER", b"MAR\xff\xfeR"))
    with pytest.raises(DamagedFile, match="what is said in episode 1"):
        six.open().language(1)
    assert six.open().language(0).others == []


def annotate(root: Path, lasting: list[dict[str, Any]], events: dict[int, list[dict[str, Any]]]) -> None:
    """Write language into episode 1 as LeRobot's annotation pipeline does, with the types that Arrow finds."""
    for path in root.glob("data/*/*.parquet"):
        table = pq.read_table(path)
        own = [number == 1 for number in table["episode_index"].to_pylist()]
        frames = table["frame_index"].to_pylist()
        names = ("role", "content", "style", "camera", "tool_calls")
        text = pa.string()
        kinds = {"timestamp": pa.float64(), "tool_calls": pa.list_(text)}
        kind = pa.list_(pa.struct([(name, kinds.get(name, text)) for name in names]))
        longer = pa.list_(pa.struct([(n, kinds.get(n, text)) for n in (*names[:3], "timestamp", *names[3:])]))
        table = table.append_column(PERSISTENT, pa.array([lasting if each else [] for each in own], longer))
        said = [events.get(frame, []) if each else [] for each, frame in zip(own, frames, strict=True)]
        pq.write_table(table.append_column(EVENTS, pa.array(said, kind)), path)
    info = json.loads((root / "meta/info.json").read_text())
    info["features"] |= {name: {"dtype": "language", "shape": [1], "names": None} for name in (PERSISTENT, EVENTS)}
    (root / "meta/info.json").write_text(json.dumps(info))
