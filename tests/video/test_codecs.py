"""Our settings in each encoder's own words, as LeRobot writes them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from robotdata.video import EncodeSettings
from robotdata.video.codecs import ENCODERS, encoder_options
from robotdata.video.hardware import codec_works, first_working_codec, working_hardware_codecs
from robotdata.video.rates import exact_rate, movie_timescale, plain_rate

MAPPED = {
    "libsvtav1": {"g": "2", "crf": "30", "preset": "12", "svtav1-params": "fast-decode=1:lp=2"},
    "h264": {"g": "2", "crf": "30", "tune": "fastdecode", "threads": "2"},
    "hevc": {
        "g": "2",
        "crf": "30",
        "tune": "fastdecode",
        "threads": "2",
        "x265-params": "log-level=error:open-gop=0:pools=2",
    },
    "libaom-av1": {"g": "2", "crf": "30", "threads": "2", "row-mt": "1"},
    "h264_nvenc": {"g": "2", "rc": "0", "qp": "30"},
    "av1_nvenc": {"g": "2", "rc": "0", "qp": "30"},
    "h264_vaapi": {"g": "2", "qp": "30"},
    "h264_qsv": {"g": "2", "global_quality": "30"},
    "hevc_videotoolbox": {"g": "2", "q:v": "40"},
}


@pytest.mark.parametrize("codec", MAPPED)
def test_it_maps_settings_as_lerobot_does(codec: str) -> None:
    assert encoder_options(EncodeSettings(codec=codec, fast_decode=1, threads=2)) == MAPPED[codec]


def test_it_never_lets_extra_options_override_settings() -> None:
    extra = {"crf": 1, "svtav1-params": "tune=0", "la_depth": 4}
    options = encoder_options(EncodeSettings(extra_options=extra))
    assert options["crf"] == "30"
    assert options["svtav1-params"] == "tune=0:fast-decode=0"
    assert options["la_depth"] == "4"


def test_it_believes_in_an_encoder_only_after_trying_it() -> None:
    assert codec_works("h264")
    for name in working_hardware_codecs():
        assert ENCODERS[name].hardware
    assert first_working_codec() in ENCODERS


@pytest.mark.parametrize(
    ("fps", "rate", "scale"),
    [
        (30, Fraction(30), 15360),
        (30.0, Fraction(30), 15360),
        (29.97, Fraction(30000, 1001), 30000),
        (23.976, Fraction(24000, 1001), 24000),
        (59.94, Fraction(60000, 1001), 60000),
        (12.5, Fraction(25, 2), 12800),
        (Fraction(30000, 1001), Fraction(30000, 1001), 30000),
    ],
)
def test_it_knows_the_exact_rate_behind_a_written_one(fps: float, rate: Fraction, scale: int) -> None:
    assert exact_rate(fps) == rate
    assert movie_timescale(rate) == scale
    assert plain_rate(rate) == pytest.approx(float(fps), abs=1e-3)
