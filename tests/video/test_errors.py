"""An error carries its facts, also from one process to another."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from robotdata.video import FrameTimestampError, VideoError, decode_video_frames, errors

RAISED = [
    errors.BrokenFrameError("frame 3 is damaged", 3),
    errors.BrokenVideoError("frame 3 does not decode", 3),
    errors.FrameCountError("2 frames, not 1", 1, 2),
    errors.SegmentMismatchError("they differ", {"fps": (30, 60)}),
    errors.MissingVideoError("v.mp4: there is no such file"),
    errors.NothingToJoinError("no videos to join"),
    errors.NoFramesError("nothing to encode"),
    errors.OutputExistsError("it is there"),
    errors.BackendMissingError("pip install torchcodec"),
    errors.FrameTimestampError("too far", [0.5], [0.1], Path("v.mp4"), "pyav"),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_it_comes_whole_out_of_another_process(error: VideoError) -> None:
    """A pool whose worker raises what cannot be unpickled hangs, or breaks with all its work."""
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error) and str(again) == str(error) and vars(again) == vars(error)
    assert str(type(error)("the words alone")) == "the words alone"  # as PyTorch's data loader raises them again


def test_it_knows_what_was_asked_and_what_was_there(video) -> None:
    path = video(10)
    with pytest.raises(FrameTimestampError) as caught:
        decode_video_frames(path, [0.1, 0.45], 1e-3, "pyav")
    error = caught.value
    assert (error.queried, error.video, error.backend) == ([0.1, 0.45], path, "pyav")
    assert error.loaded == pytest.approx([0.1, 0.3])
    for fact in ("0.45", "0.3", str(path), "pyav"):
        assert fact in str(error)
