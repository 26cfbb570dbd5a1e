"""V4L2 cameras in any format that they have, by listings of real ones."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest

from robotdata.video.v4l2 import ENUM_FORMATS, ENUM_RATES, ENUM_SIZES, list_modes, modes_from
from robotdata.video.v4l2_formats import Choice, Mode, NothingFits, Steps, choose


def one(value: float) -> Steps:
    return Steps(value, value)


def modes(code: str, **sizes: tuple[float, ...]) -> list[Mode]:
    """Modes of one format: s640x480=(30, 15) is that size with those rates."""
    made = []
    for size, rates in sizes.items():
        width, height = map(int, size[1:].split("x"))
        made.append(Mode(code, one(width), one(height), tuple(map(one, rates))))
    return made


VGA_RATES = (30, 24, 20, 15, 10, 7.5, 5)
# A Logitech C920: raw pixels to 30 frames per second at 640x480, to 5 at full size, the rest compressed.
C920 = [
    *modes("YUYV", s640x480=VGA_RATES, s160x90=VGA_RATES, s1280x720=(10, 7.5, 5), s1920x1080=(5,), s2304x1536=(2,)),
    *modes("H264", s640x480=VGA_RATES, s1280x720=VGA_RATES, s1920x1080=VGA_RATES),
    *modes("MJPG", s640x480=VGA_RATES, s1280x720=VGA_RATES, s1920x1080=VGA_RATES),
]
C920_WITHOUT_JPEG = [mode for mode in C920 if mode.code != "MJPG"]
# A notebook's: no JPEG at all.
YUYV_ONLY = modes(
    "YUYV", s640x480=(30, 20, 15, 10, 7.5), s1280x720=(10, 7.5), s960x544=(20, 15, 10, 7.5), s800x448=(30, 20, 15)
)
# A loopback device, and a Raspberry Pi's: sizes in steps, and one rate or none.
LOOPBACK = [Mode("YU12", one(640), one(480), (one(30),))]
PI = [Mode(code, Steps(32, 2592, 2), Steps(32, 1944, 2), (Steps(1, 90),)) for code in ("YU12", "YUYV", "MJPG", "H264")]
RATELESS = [Mode("NV12", Steps(16, 3280, 16), Steps(16, 2464, 8))]
DEPTH = modes("Z16 ", s640x480=(30,)) + modes("GREY", s640x480=(30,)) + modes("UYVY", s640x480=(30,))


@pytest.mark.parametrize(
    ("listed", "asked", "wanted"),
    [
        (C920, (640, 480, 30), Choice("mjpeg", 640, 480, 30)),
        (C920, (1920, 1080, 30), Choice("mjpeg", 1920, 1080, 30)),
        (C920, (160, 90, 30), Choice("yuyv422", 160, 90, 30)),
        (C920, (2304, 1536, 2), Choice("yuyv422", 2304, 1536, 2)),
        (C920, (640, 480, 29.97), Choice("mjpeg", 640, 480, 29.97)),
        (C920, (640, 480, 25), Choice("mjpeg", 640, 480, 30)),  # the next rate above
        (C920_WITHOUT_JPEG, (1920, 1080, 3), Choice("yuyv422", 1920, 1080, 5)),
        (C920_WITHOUT_JPEG, (640, 480, 30), Choice("yuyv422", 640, 480, 30)),
        (C920_WITHOUT_JPEG, (1280, 720, 30), Choice("h264", 1280, 720, 30)),
        (YUYV_ONLY, (640, 480, 30), Choice("yuyv422", 640, 480, 30)),
        (YUYV_ONLY, (1280, 720, 10), Choice("yuyv422", 1280, 720, 10)),
        (LOOPBACK, (640, 480, 30), Choice("yuv420p", 640, 480, 30)),
        (PI, (1640, 1232, 40), Choice("mjpeg", 1640, 1232, 40)),
        (PI, (640, 480, 12.5), Choice("mjpeg", 640, 480, 12.5)),
        (RATELESS, (1280, 720, 30), Choice("nv12", 1280, 720, 30)),
        (DEPTH, (640, 480, 30), Choice("uyvy422", 640, 480, 30)),
    ],
)
def test_it_chooses_what_gives_the_size_and_the_rate(
    listed: list[Mode], asked: tuple[int, int, float], wanted: Choice
) -> None:
    assert choose(listed, *asked) == wanted
    assert choose(listed[::-1], *asked) == wanted


def test_a_rigs_file_can_force_a_format() -> None:
    assert choose(C920, 640, 480, 30, pixel_format="yuyv").input_format == "yuyv422"
    assert choose(C920, 640, 480, 30, pixel_format="h264").input_format == "h264"
    with pytest.raises(NothingFits, match="1280x720 at 30 frames per second as yuyv"):
        choose(C920, 1280, 720, 30, pixel_format="yuyv")


@pytest.mark.parametrize(
    ("listed", "asked", "words"),
    [
        (YUYV_ONLY, (1280, 720, 30), ["1280x720 (yuyv to 10/s)", "640x480 (yuyv to 30/s)"]),
        (YUYV_ONLY, (1920, 1080, 30), ["960x544 (yuyv to 20/s)"]),
        (C920, (640, 480, 60), ["640x480 (yuyv to 30/s, h264 to 30/s, mjpeg to 30/s)"]),
        (RATELESS, (1284, 720, 30), ["16-3280x16-2464 (nv12)"]),
        (modes("Z16 ", s640x480=(30,)), (640, 480, 30), ["Z16 (unusable) to 30/s"]),
        ([], (640, 480, 30), ["no format at all"]),
    ],
)
def test_it_says_what_the_camera_offers(listed: list[Mode], asked: tuple[int, int, float], words: list[str]) -> None:
    with pytest.raises(NothingFits) as error:
        choose(listed, *asked)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_long_list_is_told_in_part() -> None:
    many = modes("YUYV", **{f"s{n}x480": (30,) for n in range(100, 140)})
    with pytest.raises(NothingFits, match="28 other sizes"):
        choose(many, 640, 480, 30)


@pytest.mark.parametrize(
    ("listed", "asked", "wanted"),
    [
        (YUYV_ONLY, (640, 360, 30), (640, 480)),
        (YUYV_ONLY, (1000, 500, 10), (1280, 720)),
        (YUYV_ONLY, (1920, 1080, 10), (1280, 720)),
        (C920, (640, 480, 30), (640, 480)),
        (RATELESS, (1284, 722, 30), (1296, 728)),
    ],
)
def test_for_a_letterbox_any_size_will_do(listed: list[Mode], asked: tuple[int, int, float], wanted) -> None:
    found = choose(listed, *asked, any_size=True)
    assert (found.width, found.height) == wanted


class Driver:
    """Answers as a kernel does, from the bytes of the requests alone (64-bit Linux, <linux/videodev2.h>)."""

    def __init__(self, formats: dict[bytes, dict[tuple[int, int], list[tuple[int, int]]]], steps: bool = False) -> None:
        self._formats, self._steps = formats, steps

    def __call__(self, request: int, buffer: bytearray) -> None:
        index = struct.unpack_from("<I", buffer)[0]
        if request == 0xC0405602:
            assert len(buffer) == 64 and struct.unpack_from("<I", buffer, 4) == (1,)
            struct.pack_into("<32s4s", buffer, 12, b"a format", self._get(list(self._formats), index))
            return
        sizes = self._formats[bytes(buffer[4:8])]
        if request == 0xC02C564A:
            assert len(buffer) == 44
            width, height = self._get(list(sizes), index)
            values = (3, 16, width, 8, 32, height, 4) if self._steps else (1, width, height)
            struct.pack_into(f"<{len(values)}I", buffer, 8, *values)
        elif request == 0xC034564B:
            assert len(buffer) == 52
            rates = sizes[struct.unpack_from("<II", buffer, 8)]
            if self._steps:
                self._get([0], index)
                struct.pack_into("<7I", buffer, 16, 3, *rates[0], *rates[1], 1, 1)
            else:
                struct.pack_into("<3I", buffer, 16, 1, *self._get(rates, index))
        else:
            raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    @staticmethod
    def _get(values: list, index: int):
        if index >= len(values):
            raise OSError(errno.EINVAL, "Invalid argument")
        return values[index]


def test_it_reads_what_a_driver_answers() -> None:
    assert (ENUM_FORMATS, ENUM_SIZES, ENUM_RATES) == (0xC0405602, 0xC02C564A, 0xC034564B)
    driver = Driver(
        {b"MJPG": {(640, 480): [(1, 30), (333333, 5000000)], (1280, 720): []}, b"YUYV": {(64, 48): [(1, 5)]}}
    )
    assert modes_from(driver) == [
        Mode("MJPG", one(640), one(480), (one(30), one(5000000 / 333333))),
        Mode("MJPG", one(1280), one(720)),
        Mode("YUYV", one(64), one(48), (one(5),)),
    ]


def test_it_reads_sizes_and_rates_in_steps() -> None:
    driver = Driver({b"NV12": {(640, 480): [(1, 60), (1, 1)]}}, steps=True)
    assert modes_from(driver) == [Mode("NV12", Steps(16, 640, 8), Steps(32, 480, 4), (Steps(1, 60),))]


def test_what_is_no_camera_lists_nothing(tmp_path: Path) -> None:
    (tmp_path / "video0").write_bytes(b"")
    assert list_modes(str(tmp_path / "video0")) == []
    with pytest.raises(FileNotFoundError):
        list_modes(str(tmp_path / "video1"))
