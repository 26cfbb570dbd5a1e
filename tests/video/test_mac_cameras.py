"""What FFmpeg's list of a Mac's cameras says, and what becomes of it at the station. The output is FFmpeg's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from robotdata.capture.device_files import Roots
from robotdata.station.discovery import Discovery
from robotdata.video.mac_cameras import MacCamera, cameras_in, mac_cameras

LISTED = """[AVFoundation indev @ 0x7f9a5b604400] AVFoundation video devices:
[AVFoundation indev @ 0x7f9a5b604400] [0] FaceTime HD Camera
[AVFoundation indev @ 0x7f9a5b604400] [1] USB Camera
[AVFoundation indev @ 0x7f9a5b604400] [2] USB Camera
[AVFoundation indev @ 0x7f9a5b604400] [3] Ada's iPhone: Desk View
[AVFoundation indev @ 0x7f9a5b604400] [4] Capture screen 0
[AVFoundation indev @ 0x7f9a5b604400] AVFoundation audio devices:
[AVFoundation indev @ 0x7f9a5b604400] [0] MacBook Pro Microphone
: Input/output error
"""
CAMERAS = [
    MacCamera("FaceTime HD Camera", "avfoundation:FaceTime HD Camera"),
    MacCamera("USB Camera", "avfoundation:1"),
    MacCamera("USB Camera", "avfoundation:2"),
    MacCamera("Ada's iPhone: Desk View", "avfoundation:3"),
]


def without_prefix(line: str) -> str:
    return line.partition("] ")[2] + "\n" if line.startswith("[AVF") else line


@pytest.mark.parametrize("messages", [[LISTED], [without_prefix(line) for line in LISTED.splitlines()]])
def test_cameras_are_opened_by_name_where_it_is_theirs_alone(messages: list[str]) -> None:
    assert cameras_in(messages) == CAMERAS


@pytest.mark.parametrize("messages", [[], [""], ["AVFoundation audio devices:\n[0] Microphone\n"], ["[0] nothing\n"]])
def test_without_cameras_there_are_none(messages: list[str]) -> None:
    assert cameras_in(messages) == []


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac may have cameras")
def test_another_system_has_none() -> None:
    assert mac_cameras() == []


def test_the_station_lists_them(tmp_path: Path) -> None:
    roots = Roots(tmp_path / "dev", tmp_path / "sys", tmp_path / "proc")
    listed = Discovery(roots, list_mac=lambda: cameras_in([LISTED])).cameras()
    assert [(camera["name"], camera["url"]) for camera in listed] == [(each.name, each.url) for each in CAMERAS]
    assert all(camera["formats"] == [] and camera["problem"] == "" for camera in listed)
