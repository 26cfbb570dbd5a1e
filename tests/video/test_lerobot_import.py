"""Who changes only the import line finds LeRobot's names, arguments in LeRobot's order, and LeRobot's tensors."""

from __future__ import annotations

import inspect
import logging
import types
from typing import Any

import numpy as np
import pytest

from robotdata.lerobot_compat import video_utils
from robotdata.video import VideoDecoderCache, barcode
from robotdata.video.errors import FrameTimestampError

ARGUMENTS = {
    "encode_video_frames": "imgs_dir video_path fps video_encoder=None encoder_threads=None log_level overwrite=False",
    "reencode_video": "input_video_path output_video_path video_encoder=None encoder_threads=None log_level "
    "overwrite=False start_time_s=None end_time_s=None",
    "decode_video_frames": "video_path timestamps tolerance_s backend=None return_uint8=False is_depth=False",
    "decode_video_frames_pyav": "video_path timestamps tolerance_s log_loaded_timestamps=False return_uint8=False "
    "is_depth=False",
    "decode_video_frames_torchcodec": "video_path timestamps tolerance_s log_loaded_timestamps=False "
    "decoder_cache=None return_uint8=False",
    "concatenate_video_files": "input_video_paths output_video_path overwrite=True compatibility_check",
    "get_video_info": "video_path video_encoder=None",
    "get_audio_info": "video_path",
    "get_video_duration_in_s": "video_path",
    "VideoDecoderCache": "max_size",
}


class Tensor:
    """As much of a torch tensor as is used."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def permute(self, *axes: int) -> Tensor:
        return Tensor(self.values.transpose(axes))

    def contiguous(self) -> Tensor:
        return Tensor(np.ascontiguousarray(self.values))

    def to(self, kind: Any) -> Tensor:
        return Tensor(self.values.astype(kind))

    def __truediv__(self, by: float) -> Tensor:
        return Tensor(self.values / np.float32(by))


@pytest.fixture(autouse=True)
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = types.SimpleNamespace(from_numpy=Tensor, float32=np.float32)
    monkeypatch.setattr("robotdata.lerobot_compat.names.require_torch", lambda: stand_in)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_its_arguments_are_lerobots(name: str) -> None:
    ours = list(inspect.signature(getattr(video_utils, name)).parameters.values())
    for argument, parameter in zip(ARGUMENTS[name].split(), ours, strict=False):
        wanted, _, default = argument.partition("=")
        assert parameter.name == wanted
        assert not default or repr(parameter.default) == default
    decoder = inspect.signature(VideoDecoderCache.get_decoder)
    assert list(decoder.parameters) == ["self", "video_path"]
    assert all(name in dir(video_utils) for name in video_utils.__all__)


def test_it_gives_tensors_channels_first(video) -> None:
    path = video(9)
    frames = video_utils.decode_video_frames(path, [0.2, 0.1], 1e-4, "pyav").values
    assert (frames.shape, frames.dtype) == ((2, 3, 64, 288), np.float32) and 0.9 < frames.max() <= 1
    whole = video_utils.decode_video_frames(path, [0.2, 0.1], 1e-4, "pyav", True).values
    assert whole.dtype == np.uint8 and (frames == whole.astype(np.float32) / np.float32(255)).all()
    assert [barcode.read(np.ascontiguousarray(frame.transpose(1, 2, 0))).tick for frame in whole] == [6, 3]
    with pytest.raises(video_utils.FrameTimestampError) as caught:
        video_utils.decode_video_frames(path, [0.01], 1e-4)
    assert isinstance(caught.value, FrameTimestampError)


def test_it_knows_lerobots_other_decoders(video, caplog: pytest.LogCaptureFixture, monkeypatch) -> None:
    path = video(9)
    with caplog.at_level(logging.INFO):
        frames = video_utils.decode_video_frames_pyav(path, (t for t in (0.1,)), 1e-4, True, return_uint8=True)
        assert "frames loaded at 0.1000 s" in caplog.text
        again = video_utils.decode_video_frames(path, [0.1], 1e-4, "video_reader", return_uint8=True)
        assert "alias of pyav" in caplog.text
    assert (frames.values == again.values).all()

    class Decoder:
        def __init__(self, path: str, dimension_order: str) -> None:
            pass

        def get_frames_at(self, indices: list[int]) -> object:
            pictures = np.zeros((len(indices), 64, 288, 3), np.uint8)
            times = np.array(indices) / 30
            return types.SimpleNamespace(data=types.SimpleNamespace(numpy=lambda: pictures), pts_seconds=times)

    module = types.SimpleNamespace(VideoDecoder=Decoder)
    monkeypatch.setattr("robotdata.lerobot_compat.backends.import_module", lambda name: module)
    held = VideoDecoderCache(max_size=2)
    black = video_utils.decode_video_frames_torchcodec(path, [0.1], 1e-4, False, held, True)
    assert path in held and not black.values.any()
    held.clear()
