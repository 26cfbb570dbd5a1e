"""Remove, rename and add features: rows, statistics, tables and `info.json` agree, videos are not touched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robotdata.dataset import DatasetFolder, EditError, verify_dataset
from robotdata.dataset.errors import FeatureError
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.write.change_preview import preview_change
from robotdata.dataset.write.change_run import change_features
from robotdata.dataset.write.edit import delete_episodes, revert
from robotdata.dataset.write.feature_change import SUCCESS, Added, Constant, FeatureChange, FromColumn, FromLabels
from tests.dataset.conftest import CAMERAS, FRONT, LENGTHS, NAMES, TOP, Bench, barcodes, columns, expected
from tests.support.odd_columns import with_odd_columns

HAND = "observation.images.hand"


def change(bench: Bench, **what: Any) -> DatasetFolder:
    """Make the change, and check that nothing is wrong and that each camera still shows its own frames."""
    known = json.loads(json.dumps(FeatureChange(**what).as_json()))  # as an operation keeps it
    change_features(bench.root, FeatureChange.from_json(known), **bench.places)
    report = verify_dataset(bench.root, deep=True)
    assert (report.problems, report.notes) == ([], [])
    assert list((bench.root.parent / ".work").iterdir()) == []
    return bench.open()


def episode_columns(root: Path) -> list[str]:
    return pq.read_table(next((root / "meta/episodes").rglob("*.parquet"))).column_names


def everywhere(root: Path, key: str) -> set[str]:
    """Where a feature's name is found."""
    found = {"info"} if key in json.loads((root / "meta/info.json").read_text())["features"] else set()
    found |= {"stats"} if key in json.loads((root / "meta/stats.json").read_text()) else set()
    found |= {"episodes"} if any(f"/{key}/" in name for name in episode_columns(root)) else set()
    for path in root.glob("data/*/*.parquet"):
        schema = pq.read_schema(path)
        found |= {"rows"} if key in schema.names else set()
        found |= {"metadata"} if key in json.loads(schema.metadata[b"huggingface"])["info"]["features"] else set()
    return found | ({"videos"} if (root / "videos" / key).exists() else set())


def label(bench: Bench, labels: dict[int, list[str]]) -> None:
    path = bench.root / SIDECAR
    sidecar = json.loads(path.read_text())
    for number, words in labels.items():
        sidecar["episodes"][number]["labels"] = words
    path.unlink()
    path.write_text(json.dumps(sidecar))


def test_a_camera_goes_with_its_files_and_the_rest_is_shared(six: Bench) -> None:
    before = {path: path.stat().st_ino for path in six.root.glob("data/*/*.parquet")}
    dataset = change(six, remove=[TOP])
    assert everywhere(six.root, TOP) == set()
    assert {path: path.stat().st_ino for path in six.root.glob("data/*/*.parquet")} == before
    assert [barcodes(dataset, n, FRONT) for n in range(6)] == [expected(n, LENGTHS[n])[: LENGTHS[n]] for n in range(6)]
    assert dataset.revision == 4 and [e.extra["verdict"] for e in dataset.episodes] == ["keep"] * 6
    revert(six.root, 3, **six.places)
    assert six.shown() == [expected(n, LENGTHS[n]) for n in range(6)]


def test_without_its_last_camera_it_is_a_dataset_without_videos(six: Bench, new: Any) -> None:
    dataset = change(six, remove=list(CAMERAS))
    assert dataset.info["video_path"] is None and not (six.root / "videos").exists()


def test_a_column_goes_from_rows_and_statistics(six: Bench) -> None:
    dataset = change(six, remove=["observation.force"])
    assert everywhere(six.root, "observation.force") == set()
    for n, length in enumerate(LENGTHS):
        assert np.array_equal(dataset.rows(n)["action"], columns(length, n)["action"])
    assert six.shown() == [expected(n, LENGTHS[n]) for n in range(6)]


def test_cameras_can_exchange_their_names(six: Bench) -> None:
    inodes = {path.stat().st_ino for path in six.root.rglob("*.mp4")}
    dataset = change(six, rename={FRONT: TOP, TOP: FRONT})
    assert {path.stat().st_ino for path in six.root.rglob("*.mp4")} == inodes
    for n, length in enumerate(LENGTHS):
        assert barcodes(dataset, n, FRONT) == [(n, 1, tick) for tick in range(length)]
        assert barcodes(dataset, n, TOP) == [(n, 0, tick) for tick in range(length)]


def test_a_name_changes_everywhere(six: Bench) -> None:
    where = everywhere(six.root, "action"), everywhere(six.root, FRONT)
    stats = six.open().stats()
    dataset = change(six, rename={"action": "leader", FRONT: HAND})
    assert (everywhere(six.root, "leader"), everywhere(six.root, HAND)) == where
    assert everywhere(six.root, "action") == everywhere(six.root, FRONT) == set()
    assert dataset.stats()["leader"] == stats["action"] and dataset.stats()[HAND] == stats[FRONT]
    assert list(dataset.features)[0] == "leader" and dataset.features["leader"]["names"] == NAMES
    assert "recorded_action" not in dataset.sidecar.more
    for n, length in enumerate(LENGTHS):
        assert np.array_equal(dataset.rows(n)["leader"], columns(length, n)["action"])


def test_new_columns_of_every_source(six: Bench) -> None:
    added = [
        Added("weight", Constant(2), "float32"),
        Added("goal", Constant([1, 2.5, 3]), names=["x", "y", "z"]),
        Added("place", Constant("Ulm")),
        Added("action.first", FromColumn("action", (0, 3))),
        Added("action.last", FromColumn("action", (5, 6)), "float64"),
        Added("touched", FromColumn("observation.touch"), "int64"),
    ]
    dataset = change(six, add=added)
    shapes = {each.name: (dataset.features[each.name]["dtype"], dataset.features[each.name]["shape"]) for each in added}
    assert shapes == {
        "weight": ("float32", [1]),
        "goal": ("float32", [3]),
        "place": ("string", [1]),
        "action.first": ("float32", [3]),
        "action.last": ("float64", [1]),
        "touched": ("int64", [2]),
    }
    assert dataset.features["action.first"]["names"] == NAMES[:3] and dataset.features["goal"]["names"] == list("xyz")
    for n, length in enumerate(LENGTHS):
        rows, made = dataset.rows(n), columns(length, n)
        assert rows["weight"].tolist() == [2] * length and rows["place"].tolist() == ["Ulm"] * length
        assert rows["goal"].tolist() == [[1, 2.5, 3]] * length
        assert np.array_equal(rows["action.first"], made["action"][:, :3])
        assert np.array_equal(rows["action.last"], made["action"][:, 5].astype(float))
        assert np.array_equal(rows["touched"], made["observation.touch"].astype(int))
    assert dataset.stats()["weight"]["mean"] == [2] and dataset.stats()["weight"]["count"] == [sum(LENGTHS)]
    assert "place" not in dataset.stats()
    delete_episodes(six.root, [0], **six.places)  # and it can still be edited
    assert verify_dataset(six.root, deep=True).problems == []


def test_success_is_true_in_the_last_row_of_a_success(six: Bench) -> None:
    label(six, {0: ["success"], 1: ["failure", "dim"], 2: ["dim", "success"], 3: ["failure"], 4: []})
    with pytest.raises(EditError, match=r"2 episodes \(4, 5\) have none of the labels success, failure"):
        change(six, add=[Added("next.success", SUCCESS)])
    filled = FromLabels(SUCCESS.values, SUCCESS.at, default=False)
    dataset = change(six, add=[Added("next.success", filled)])
    assert (dataset.features["next.success"]["dtype"], dataset.features["next.success"]["shape"]) == ("bool", [1])
    for n, length in enumerate(LENGTHS):
        assert dataset.rows(n)["next.success"].tolist() == [False] * (length - 1) + [n in (0, 2)]


def test_labels_as_a_column_of_each_type(six: Bench) -> None:
    label(six, {n: [["dim", "bright", "dark"][n % 3]] for n in range(6)})
    light = {"dim": 1, "bright": 2, "dark": 0}
    added = [
        Added("light", FromLabels(light)),
        Added("light.share", FromLabels(light), "float32"),
        Added("light.words", FromLabels({word: word for word in light})),
        Added("is_dim", FromLabels({"dim": True}, default=False)),
    ]
    dataset = change(six, add=added)
    for n, length in enumerate(LENGTHS):
        rows, word = dataset.rows(n), ["dim", "bright", "dark"][n % 3]
        assert rows["light"].tolist() == [light[word]] * length and rows["light"].dtype == np.int64
        assert rows["light.share"].dtype == np.float32 and rows["light.words"].tolist() == [word] * length
        assert rows["is_dim"].tolist() == [word == "dim"] * length
    label(six, {2: ["dim", "bright"]})
    with pytest.raises(EditError, match=r"1 episode \(2\) has several of the labels"):
        change(six, add=[Added("again", FromLabels(light))])


def test_words_and_statistics(six: Bench) -> None:
    stats = six.open().stats()
    for path in (six.root / "meta/stats.json",):
        broken = {**stats, "action": {**stats["action"], "mean": [9.0] * 6}}
        path.unlink()
        path.write_text(json.dumps(broken))
    named = [f"axis {n}" for n in range(6)]
    dataset = change(six, robot_type="crane", names={"action": named}, statistics="all")
    assert dataset.robot_type == "crane" and dataset.features["action"]["names"] == named
    for key in stats:
        for name in ("min", "max", "mean", "std"):
            assert np.allclose(dataset.stats()[key][name], stats[key][name], atol=0.02), (key, name)
    with pytest.raises(EditError, match="action has 6 values and 2 names"):
        change(six, names={"action": ["a", "b"]})


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"remove": ["index"]}, "LeRobot needs it"),
        ({"rename": {"timestamp": "time"}}, "LeRobot needs it"),
        ({"remove": ["nothing"]}, "has no feature 'nothing'"),
        ({"rename": {"action": "task_index"}}, "LeRobot fills that in itself"),
        ({"rename": {"action": "a/b"}}, "no slash"),
        ({"rename": {"action": FRONT}}, "two features named"),
        ({"rename": {"action": "language_persistent"}}, "LeRobot's name"),
        ({"remove": ["action"], "rename": {"action": "b"}}, "both removed and changed"),
        ({"remove": ["action", "observation.force", "observation.touch", FRONT, TOP]}, "no feature of its own"),
        ({"add": [Added("action", Constant(1))]}, "two features named"),
        ({"add": [Added("a", FromColumn("action", (4, 9)))]}, r"no values \[4, 9\)"),
        ({"add": [Added("a", FromColumn(FRONT))]}, "only numbers and text"),
        ({"add": [Added("a", Constant([1, "b"]))]}, "all numbers, or all text"),
        ({"add": [Added("a", Constant(300), "uint8")]}, "cannot be written as uint8"),
        ({"add": [Added("a", FromColumn("observation.force"), "int64")]}, "cannot be written as int64"),
        ({"add": [Added("a", Constant(1), "complex64")]}, "not a type of a column"),
        ({"names": {FRONT: ["a"]}}, "no names to change"),
        ({}, "nothing to change"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(six: Bench, what: dict[str, Any], words: str) -> None:
    before = six.fingerprint()
    with pytest.raises((EditError, FeatureError), match=words):
        change_features(six.root, FeatureChange(**what), **six.places)
    assert six.fingerprint() == before and list((six.root.parent / ".work").iterdir()) == []


def test_a_preview_counts_and_writes_nothing(six: Bench) -> None:
    label(six, {n: ["success"] for n in range(4)})
    before = six.fingerprint()
    default = FromLabels(SUCCESS.values, "last", default=False)
    found = preview_change(
        six.open(), FeatureChange(remove=[TOP, "action"], add=[Added("next.success", default)], rename={FRONT: HAND})
    )
    assert six.fingerprint() == before
    sizes = [path.stat().st_size for path in six.root.glob(f"videos/{TOP}/*/*.mp4")]
    assert [(each.name, each.files) for each in found.removed] == [(TOP, len(sizes)), ("action", 0)]
    assert found.removed[0].size_bytes == sum(sizes) and 0 < found.removed[1].size_bytes < found.rewritten_bytes
    assert (found.added[0].episodes, found.added[0].without) == ({"true": 4, "false": 2}, 2)
    assert (found.episodes, found.frames, found.renamed) == (6, sum(LENGTHS), {FRONT: HAND})
    assert preview_change(six.open(), FeatureChange(remove=[TOP])).rewritten_bytes == 0


def test_columns_of_every_kind_go_through(six: Bench) -> None:
    with_odd_columns(six.root)
    known = verify_dataset(six.root).count
    what = FeatureChange(
        remove=["observation.force"],
        rename={"observation.grid": "grid"},
        add=[Added("grid.copy", FromColumn("observation.grid"))],
    )
    change_features(six.root, what, **six.places)
    assert verify_dataset(six.root).count <= known
    rows = pa.concat_tables([pq.read_table(path) for path in sorted(six.root.glob("data/*/*.parquet"))]).to_pylist()
    for n, row in enumerate(rows):
        assert row["grid"] == row["grid.copy"] == [[n, 1, 2], [3, 4, 5]] and "observation.force" not in row
        assert row["language_persistent"][0]["content"] == f"say {n}" and row["somebodys.column"] == f"row {n}"
    table = pq.read_table(next((six.root / "meta/episodes").rglob("*.parquet")))
    assert table.column("mood").to_pylist() == [f"mood {n}" for n in range(6)]
    with pytest.raises(EditError, match=r"has a column somebodys\.column already"):
        change_features(six.root, FeatureChange(rename={"grid": "somebodys.column"}), **six.places)
    change_features(six.root, FeatureChange(remove=["language_persistent"]), **six.places)
    assert "language_persistent" not in six.open().features


def test_images_in_the_data_files_go_through(six: Bench) -> None:
    still = "observation.images.still"
    info = json.loads((six.root / "meta/info.json").read_text())
    info["features"][still] = {"dtype": "image", "shape": [64, 272, 3], "names": ["height", "width", "channels"]}
    (six.root / "meta/info.json").write_text(json.dumps(info))
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    for path in six.root.glob("data/*/*.parquet"):
        table = pq.read_table(path)
        pictures = [{"bytes": b"png %d" % n, "path": f"{n}.png"} for n in table.column("index").to_pylist()]
        pq.write_table(table.append_column(still, pa.array(pictures, kind)), path)
    change_features(six.root, FeatureChange(remove=["observation.force"], rename={still: HAND}), **six.places)
    rows = pa.concat_tables([pq.read_table(path) for path in sorted(six.root.glob("data/*/*.parquet"))]).to_pylist()
    assert [row[HAND] for row in rows] == [{"bytes": b"png %d" % n, "path": f"{n}.png"} for n in range(len(rows))]
    size = preview_change(six.open(), FeatureChange(remove=[HAND])).removed[0].size_bytes
    assert size > 5 * len(rows)
    change_features(six.root, FeatureChange(remove=[HAND]), **six.places)
    assert everywhere(six.root, HAND) == set() and verify_dataset(six.root, deep=True).problems == []


def test_missing_videos_stop_only_what_needs_them(six: Bench) -> None:
    doomed = next(iter(sorted(six.root.glob(f"videos/{TOP}/*/*.mp4"))))
    doomed.unlink()
    with pytest.raises(EditError, match="download or copy them there"):
        change_features(six.root, FeatureChange(rename={TOP: HAND}), **six.places)
    change_features(six.root, FeatureChange(add=[Added("weight", Constant(1.5))]), **six.places)
    change_features(six.root, FeatureChange(remove=[TOP]), **six.places)
    assert verify_dataset(six.root, deep=True).problems == []


@pytest.mark.parametrize("name", ["v30_g1_inspire", "v30_rgbd_realsense", "v30_pusht_no_videos"])
def test_real_datasets_can_be_changed(testdata: Path, tmp_path: Path, name: str) -> None:
    bench = Bench(tmp_path)
    shutil.copytree(testdata / name, bench.root)
    dataset = bench.open()
    known = verify_dataset(bench.root).count
    camera = [*dataset.video_keys, "action"][-1]
    what = FeatureChange(
        remove=[key for key in dataset.video_keys[:1] if key != camera],
        rename={camera: f"{camera}.again"},
        add=[Added("succeeded", FromLabels(SUCCESS.values, "last", default=False))],
    )
    change_features(bench.root, what, **bench.places)
    assert verify_dataset(bench.root).count <= known
    after = bench.open()
    assert f"{camera}.again" in after.features and after.total_frames == dataset.total_frames
    assert not after.rows(0)["succeeded"].any()


@pytest.mark.parametrize("name", ["lerobot044_one_nan", "cr5_wall_clock"])
def test_real_odd_datasets_can_be_changed(cases: Path, tmp_path: Path, name: str) -> None:
    bench = Bench(tmp_path)
    shutil.copytree(cases / "datasets" / name, bench.root)
    known, frames = verify_dataset(bench.root).count, bench.open().total_frames
    change_features(bench.root, FeatureChange(rename={"action": "leader"}), **bench.places)
    change_features(bench.root, FeatureChange(add=[Added("weight", Constant(1.5))]), **bench.places)
    assert verify_dataset(bench.root).count <= known and bench.open().total_frames == frames
