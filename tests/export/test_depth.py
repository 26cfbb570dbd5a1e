from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robotdata.dataset import DatasetFolder, verify_dataset
from robotdata.dataset.errors import CommitError, FeaturesDiffer
from robotdata.dataset.write.edit import delete_episodes, trim_episodes
from robotdata.export import depth, encode_camera, load_encoded, plan_take, source_of
from robotdata.export.errors import EncodedBroken, ExportRefused
from robotdata.spool import Take
from robotdata.video import decode_depth, dequantize_depth, open_video, quantize_depth
from robotdata.video.barcode import Barcode, read
from robotdata.video.depth.scale import DepthScale
from tests.support.depth_export import FAR, QUICK, commit, episode_of
from tests.support.takes import PREFIX, SCALE, depth_map, make_take

MM = DepthScale(0.0, 4.095, use_log=False)
"""A step of it is a millimetre: nothing is lost."""


@pytest.fixture
def take_of(tmp_path: Path):
    def make(number: int, scale: DepthScale = SCALE, ticks: int = 12) -> Path:
        return make_take(tmp_path / "spool", ticks, episode=number, cameras=("front",), depth=("far",), scale=scale)

    return make


def shown(root: Path, episode: int) -> list[Barcode]:
    """What every depth frame of an episode says of itself."""
    dataset = DatasetFolder.open(root)
    span, scale = dataset.episode(episode).videos[FAR], DepthScale.from_info(dataset.features[FAR]["info"])
    with open_video(span.path) as video:
        return [read(decode_depth(video, span.first_frame + n, scale)) for n in range(dataset.episode(episode).length)]


@pytest.mark.parametrize("scale", [DepthScale(), MM, DepthScale(0.3, 2.0)])
def test_every_depth_comes_back_to_its_quantum(tmp_path: Path, take_of, scale: DepthScale) -> None:
    with Take.open(take_of(1, scale)) as take:
        made = encode_camera(take, plan_take(take, (2, 10)), FAR, tmp_path / "far.mp4", QUICK)
    with open_video(made.path) as video:
        found = [decode_depth(video, n, scale) for n in range(video.count)]
    raw = [depth_map(Barcode(tick, 1, 1)) for tick in range(2, 10)]
    want = [dequantize_depth(quantize_depth(depth, scale), scale) for depth in raw]
    assert all((one == two).all() for one, two in zip(found, want, strict=True))
    if scale == MM:
        assert all((one == two).all() for one, two in zip(found, raw, strict=True))
    assert made.info["video.codec"] == "hevc" and made.info["video.pix_fmt"] == "gray12le"
    assert DepthScale.from_info(made.info) == scale
    assert made.info["is_depth_map"] is True and made.info["depth_unit"] == "mm"


def test_its_statistics_are_of_the_raw_millimetres(tmp_path: Path, take_of) -> None:
    with Take.open(take_of(1)) as take:
        made = encode_camera(take, plan_take(take), FAR, tmp_path / "far.mp4", QUICK)
    thin = np.stack([depth_map(Barcode(tick, 1, 1)) for tick in range(12)])[:, ::2, ::2].astype(float)
    assert {name: value.shape for name, value in made.stats.items() if name != "count"} == dict.fromkeys(
        [name for name in made.stats if name != "count"], (1, 1, 1)
    )
    for name, want in (("min", thin.min()), ("max", thin.max()), ("mean", thin.mean()), ("std", thin.std())):
        assert made.stats[name].item() == pytest.approx(want)
    assert made.stats["q50"].item() == pytest.approx(np.median(thin), abs=2)
    assert made.stats["count"].tolist() == [12]
    again = load_encoded(made.path)
    assert again is not None and np.allclose(again.stats["q99"], made.stats["q99"])


def test_it_keeps_nothing_that_decodes_to_another_depth(
    tmp_path: Path, take_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = depth.encode_codes

    def lossy(codes, *args, **kwargs):  # an encoder that is not lossless after all
        return real((one ^ (n == 3) for n, one in enumerate(codes)), *args, **kwargs)

    monkeypatch.setattr(depth, "encode_codes", lossy)
    with Take.open(take_of(1)) as take, pytest.raises(EncodedBroken, match="1 of 12 depth frames.*first frame 3"):
        encode_camera(take, plan_take(take), FAR, tmp_path / "out/far.mp4", QUICK)
    assert list((tmp_path / "out").iterdir()) == []


def test_another_scale_is_another_encoding_and_other_colours_are_not(take_of) -> None:
    with Take.open(take_of(1)) as one:
        plan = plan_take(one)
        made = source_of(one, plan, FAR, QUICK)
        assert source_of(one, plan, FAR, replace(QUICK, crf=40)) == made
        one.manifest["features"][FAR]["info"] |= MM.info("mm")
        assert source_of(one, plan, FAR, QUICK) != made


def test_one_channel_that_nobody_calls_depth_is_refused(tmp_path: Path, take_of) -> None:
    with Take.open(take_of(1)) as take:
        take.manifest["features"][FAR].pop("info")
        with pytest.raises(ExportRefused, match="not marked as depth"):
            encode_camera(take, plan_take(take), FAR, tmp_path / "far.mp4", QUICK)


def test_a_committed_episode_says_all_that_lerobot_needs(tmp_path: Path, take_of) -> None:
    root = tmp_path / "datasets" / "cubes"
    one, spec = episode_of(take_of(1), tmp_path / "staging")
    two, _ = episode_of(take_of(2), tmp_path / "staging", (3, 9))
    commit(root, spec, one)
    commit(root, spec, two)
    assert [code.tick for code in shown(root, 0)] == list(range(12))
    assert [(code.episode, code.tick) for code in shown(root, 1)] == [(2, tick) for tick in range(3, 9)]
    report = verify_dataset(root, deep=True)
    assert report.ok and report.notes == [], (report.problems, report.notes)
    dataset = DatasetFolder.open(root)
    info = dataset.features[FAR]["info"]
    assert info["is_depth_map"] is True and info["depth_unit"] == "mm" and info["video.use_log"] is True
    assert dataset.features[PREFIX + "front"]["info"]["is_depth_map"] is False
    assert dataset.features[FAR]["shape"] == [240, 320, 1]
    assert np.shape(dataset.stats()[FAR]["mean"]) == (1, 1, 1)
    assert dataset.stats()[FAR]["max"][0][0][0] > 2000


def test_depth_survives_trim_and_deletion(tmp_path: Path, take_of) -> None:
    root = tmp_path / "datasets" / "cubes"
    made = [episode_of(take_of(number), tmp_path / "staging") for number in (1, 2, 3)]
    commit(root, made[0][1], *(episode for episode, _ in made))
    places = {"work": root.parent / ".work", "revisions": root.parent / ".revisions" / root.name}
    trim_episodes(root, {2: (4, 10)}, **places)
    delete_episodes(root, [0], **places)
    assert [(code.episode, code.tick) for code in shown(root, 0)] == [(2, tick) for tick in range(12)]
    assert [(code.episode, code.tick) for code in shown(root, 1)] == [(3, tick) for tick in range(4, 10)]
    assert verify_dataset(root, deep=True).ok
    mean = np.stack([depth_map(Barcode(tick, 3, 1)) for tick in range(4, 10)])[:, ::2, ::2].mean()
    table = DatasetFolder.open(root).stats()[FAR]
    assert table["count"] == [18] and abs(table["mean"][0][0][0] - mean) < 20


def test_depth_of_another_scale_never_joins_a_dataset(tmp_path: Path, take_of) -> None:
    root = tmp_path / "datasets" / "cubes"
    one, spec = episode_of(take_of(1), tmp_path / "staging")
    other, other_spec = episode_of(take_of(2, MM), tmp_path / "staging")
    commit(root, spec, one)
    with pytest.raises(FeaturesDiffer, match="depth scale"):
        commit(root, other_spec, other)
    with pytest.raises(CommitError, match="encoded with depth 0 to 4.095 m, linear, the dataset has 0.01 to 10 m"):
        commit(root, spec, other)
    assert len(DatasetFolder.open(root).episodes) == 1


def test_verification_sees_depth_that_is_not_marked(tmp_path: Path, take_of) -> None:
    root = tmp_path / "datasets" / "cubes"
    one, spec = episode_of(take_of(1), tmp_path / "staging")
    commit(root, spec, one)
    info = (root / "meta/info.json").read_text()
    (root / "meta/info.json").write_text(info.replace('"is_depth_map": true', '"is_depth_map": false'))
    assert any("holds depth codes" in str(problem) for problem in verify_dataset(root).problems)
    (root / "meta/info.json").write_text(info.replace('"depth_unit": "mm",', "").replace('"video.shift": 3.5,', ""))
    assert any("does not say" in note and "video.shift" in note for note in verify_dataset(root).notes)


def test_a_damaged_packet_is_said(tmp_path: Path, take_of) -> None:
    folder = take_of(1)
    with Take.open(folder) as take:
        assert all(zlib.crc32(take.camera(FAR).packet(n)) for n in range(take.camera(FAR).count))
        plan = plan_take(take)
    path = folder / f"{FAR}.mkv"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with Take.open(folder) as take, pytest.raises(Exception, match="checksum"):
        encode_camera(take, plan, FAR, tmp_path / "far.mp4", QUICK)
