"""Cameras of the network: found, asked for their streams, looked at and measured; hostile answers do nothing."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from robotdata.station import found_cameras
from robotdata.station.errors import AskRefused
from robotdata.station.network_cameras import is_service_at
from robotdata.station.programs import Programs
from robotdata.station.strict_xml import BadXml, read_xml
from robotdata.supervisor import Lifeline
from robotdata.video.barcode import Barcode, draw, read
from robotdata.video.jpeg import decode_jpeg, encode_jpeg
from tests.station.conftest import Station
from tests.support.onvif_camera import PASSWORD, USER, OnvifCamera, found

LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FILE = '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.fixture
def camera() -> Iterator[OnvifCamera]:
    rgb = np.full((480, 640, 3), 90, np.uint8)
    draw(rgb, Barcode(77, 7, 0))
    made = OnvifCamera("Bench%20cam", [encode_jpeg(rgb)], size=(640, 480))
    yield made
    made.close()


async def listed(station: Station, service: str) -> list[dict[str, str]]:
    """Those of the cameras that were found at this address; other tests and the network may have more."""
    cameras = (await station.web.get("find_network_cameras"))["cameras"]
    return [each for each in cameras if each["service"] == service]


async def test_a_camera_is_found_signed_in_at_and_looked_at(station: Station, camera: OnvifCamera) -> None:
    assert await listed(station, camera.service) == [
        {"name": "Bench cam", "hardware": "DS-2CD", "address": "127.0.0.1", "service": camera.service}
    ]
    for user, password in (("", ""), (USER, "guessed")):
        asked = {"service": camera.service, "user": user, "password": password}
        assert (await station.web.refusal("camera_streams", **asked))["code"] == "not_signed_in"
    asked = {"service": camera.service, "user": USER, "password": PASSWORD}
    main, sub = (await station.web.get("camera_streams", **asked))["streams"]
    assert (main["name"], main["encoding"], main["width"], main["height"], main["fps"]) == (
        "main",
        "JPEG",
        640,
        480,
        25,
    )
    assert (sub["name"], sub["width"], sub["fps"]) == ("sub", 0, 0)
    host = f"{USER}:{quote(PASSWORD, safe='')}@127.0.0.1"
    assert main["url"].startswith(f"http://{host}:")  # and not where its answers point
    preview = await station.web.get("preview", url=main["url"])
    assert read(decode_jpeg(base64.b64decode(preview["jpeg"]))).tick == 77
    size = {"width": 640, "height": 480}
    rate = await station.web.get("measure_rate", url=main["url"], fps=30, **size)
    assert rate["fps"] > 0 and rate["frames"] >= 1
    error = await station.web.refusal("measure_rate", url=main["url"], fps=30, width=320, height=240)
    assert error["code"] == "no_picture" and "640x480" in error["message"] and PASSWORD not in error["message"]


async def test_hostile_answers_are_left_out(station: Station, camera: OnvifCamera) -> None:
    evil = "http://127.0.0.1:9/evil"

    def hostile(prefix: str, name: str) -> bytes:
        return prefix.encode() + found(name, evil, "PROBE").partition(b"?>")[2]

    camera.others = [
        lambda _: b"\x00\xff not XML",
        lambda related: hostile(LAUGHS, "&b;").replace(b"PROBE", related.encode()),
        lambda related: hostile(FILE, "&a;").replace(b"PROBE", related.encode()),
        lambda related: found("deep", evil, related).replace(b"<d:Scopes>", b"<x>" * 40 + b"<d:Scopes>"),
        lambda _: found("stale", evil, "urn:uuid:another"),
        lambda related: found("far", "http://198.51.100.7/onvif", related),
    ]
    assert await listed(station, camera.service)
    assert await listed(station, evil) == []
    assert await listed(station, "http://198.51.100.7/onvif") == []


@pytest.mark.parametrize(
    "document",
    [
        LAUGHS + "<a>&b;</a>",
        FILE + "<a/>",
        "<a>",
        "",
        "<a/>" * 2,
        "<a>" * 100 + "</a>" * 100,
        f"<a>{'<b/>' * 9000}</a>",
    ],
)
def test_xml_that_no_camera_needs_is_refused(document: str) -> None:
    with pytest.raises(BadXml):
        read_xml(document.encode())


def test_a_device_is_asked_only_where_it_has_answered_from() -> None:
    assert is_service_at("http://10.0.0.5:8000/onvif", "10.0.0.5")
    for url in (
        "http://10.0.0.6/onvif",
        "http://10.0.0.5@10.0.0.6/",
        "file:///10.0.0.5",
        "http://[x/",
        "http://u:p@10.0.0.5/",
    ):
        assert not is_service_at(url, "10.0.0.5"), url


async def test_a_camera_that_answers_for_ever_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found_cameras, "_STREAMS_S", 1.0)
    ending = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                    while not ending.wait(0.01):
                        connection.sendall(b"x")
                except OSError:  # it was given up
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        lifeline = Lifeline()
        service = f"http://127.0.0.1:{server.getsockname()[1]}/onvif"
        with pytest.raises(AskRefused, match="has not answered within"):
            await found_cameras.find_streams(Programs(lifeline), {"service": service, "user": "", "password": ""})
        lifeline.close()
        ending.set()
        thread.join()
