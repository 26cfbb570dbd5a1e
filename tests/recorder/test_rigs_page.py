"""The page Rigs and the page that adds one: what stands there, with nothing, much, and odd names; and dead rigs."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.live.rig_messages import Hello
from recorder.live.rigs import expire_rigs, live_status, rig_connected, rig_silent, rig_status
from recorder.live.station_rigs import forget_rig, station_of
from recorder.models import Dataset, Episode, Rig, Session, Station
from recorder.templatetags.formatting import ago
from tests.support.fake_station import rig_process

pytestmark = pytest.mark.django_db
OLGA = Actor("olga")
HTMX = {"headers": {"HX-Request": "true"}}


def make_station(name: str = "pc", *rigs: dict[str, Any], online: bool = True) -> Station:
    """A station that stays online however slow the machine is."""
    seen = timezone.now() + timedelta(hours=1)
    state = {"rigs": list(rigs), "devices_seq": 1}
    return Station.objects.create(
        name=name, online=online, connection="here", last_seen_at=seen, state=state, folder="/home/lab/rigs"
    )


def make_rig(name: str, state: str = "idle") -> Rig:
    return Rig.objects.create(name=name, state=state, last_seen_at=timezone.now() + timedelta(hours=1))


def text(client: Client, url: str, **more: Any) -> str:
    response = client.get(url, **more)
    assert response.status_code == 200, url
    return str(response.content, "utf-8")


@pytest.mark.parametrize("url", ["/rigs/", "/rigs/add/"])
def test_without_a_station_it_says_how_to_start_one(person: Client, url: str) -> None:
    page = text(person, url)
    assert 'class="empty"' in page
    assert "robotdata station" in page and "ws://testserver/ws/station/" in page


def test_a_strangers_request_leads_to_the_sign_in(client: Client) -> None:
    for url in ("/rigs/", "/rigs/add/", "/rigs/arm/edit/"):
        assert client.get(url).status_code == 302


def test_rigs_stand_below_their_computer_with_what_can_be_done(person: Client) -> None:
    make_station(
        "pc",
        rig_process("arm", state="running", pid=7, version="v2", running_version="v1", last_words=["<b>hot</b>"]),
        rig_process("new"),
        rig_process("bad", state="failed", problem="no motor answers", robot="lerobot so101_follower"),
    )
    make_rig("arm")
    make_rig("alone", "offline")
    page = text(person, "/rigs/")
    assert page.index("/home/lab/rigs") < page.index('id="rig-pc-arm"') < page.index("Started by hand")
    for part in (
        "stop-pc-arm",
        "restart-pc-arm",
        "start-pc-new",
        "restart it to apply",
        "no motor answers",
        "&lt;b&gt;hot&lt;/b&gt;",
        "Arm supported: stop",
        "DELETE /api/stations/pc/rigs/bad",
        "DELETE /api/rigs/alone",
        "python -m robotdata.rig alone.toml",
    ):
        assert part in page, part
    assert 'id="start-pc-arm' not in page and "stop-pc-new" not in page


def test_the_fragment_alone_comes_for_htmx(person: Client) -> None:
    make_station()
    fragment = text(person, "/rigs/", **HTMX)
    assert 'data-live="stations rigs"' in fragment and "<!doctype" not in fragment


def test_an_offline_station_offers_no_orders(person: Client) -> None:
    make_station("pc", rig_process("arm", state="running"), online=False)
    page = text(person, "/rigs/")
    assert "does not answer" in page
    assert "/api/stations/pc/rigs/arm" not in page


@pytest.mark.parametrize(
    ("url", "name", "parts"),
    [
        ("/rigs/add/", "my-rig", ["Simulated rig"]),
        ("/rigs/add/?from=sim", "sim-2", ["autopilot"]),
        ("/rigs/add/?like=arm", "arm-2", ["Duplicate arm"]),
    ],
)
def test_a_new_rig_gets_a_name_that_is_free(person: Client, url: str, name: str, parts: list[str]) -> None:
    make_station("pc", rig_process("sim"), rig_process("arm"))
    page = text(person, url)
    assert f'"name": "{name}"' in page
    assert all(part in page for part in parts)


def test_the_chosen_computer_comes_first_and_then_one_that_is_online(person: Client) -> None:
    make_station("a", online=False)
    make_station("b")
    assert 'data-station="b"' in text(person, "/rigs/add/")
    assert 'data-station="a"' in text(person, "/rigs/add/?station=a")


def test_a_rig_that_no_station_has_cannot_be_edited(person: Client) -> None:
    make_station("pc", rig_process("arm"))
    assert 'data-edited="arm"' in text(person, "/rigs/arm/edit/")
    for url in ("/rigs/other/edit/", "/rigs/arm/edit/?station=other"):
        assert person.get(url).status_code == 404


def test_odd_words_of_a_station_are_text(person: Client) -> None:
    wicked = "<script>alert(1)</script>" + "long" * 60
    make_station("pc", rig_process("arm", robot=wicked, problem=wicked, cameras=[wicked]))
    page = text(person, "/rigs/")
    assert "<script>alert" not in page


# --- dead rigs ----------------------------------------------------------------------------------------
def listed(client: Client) -> set[str]:
    return {rig["name"] for rig in client.get("/api/rigs").json()["items"]}


def test_a_dead_rig_that_nothing_names_is_deleted(person: Client) -> None:
    make_rig("dead", "offline")
    forget_rig(name="dead", actor=OLGA)
    assert not Rig.objects.exists()
    with pytest.raises(Refused, check=lambda refused: refused.code == "no_rig"):
        forget_rig(name="dead", actor=OLGA)


@pytest.mark.parametrize("by", ["session", "take"])
def test_a_dead_rig_that_takes_or_sessions_name_is_hidden_until_it_connects_again(person: Client, by: str) -> None:
    rig, cups = make_rig("dead", "offline"), Dataset.objects.create(slug="cups", title="Cups")
    if by == "session":
        Session.objects.create(rig=rig, dataset=cups, task="push", ended_at=timezone.now())
    else:
        Episode.objects.create(rig=rig, dataset=cups, state="recorded", ticks=9)
    assert "dead" in text(person, "/rigs/tiles/") and listed(person) == {"dead"}
    forget_rig(name="dead", actor=OLGA)
    assert Rig.objects.filter(name="dead").exists() and listed(person) == set()
    for url in ("/", "/rigs/", "/rigs/tiles/", "/record/"):
        assert "/record/dead/" not in text(person, url)
    card = {"name": "dead", "fps": 30, "features": {}, "cameras": []}
    rig_connected(hello=Hello(type="hello", protocol=1, rig=card), connection="c", actor=OLGA)
    assert listed(person) == {"dead"}


def test_neither_a_running_rig_nor_one_of_a_station_is_forgotten() -> None:
    make_rig("alive")
    make_rig("kept", "offline")
    make_station("pc", rig_process("kept"), online=False)
    for name, code in (("alive", "online"), ("kept", "has_station")):
        with pytest.raises(Refused, check=lambda refused, code=code: refused.code == code):
            forget_rig(name=name, actor=OLGA)
    assert Rig.objects.count() == 2
    assert getattr(station_of("kept"), "name", "") == "pc" and station_of("alive") is None


def test_an_offline_computer_is_taken_from_the_list(person: Client) -> None:
    make_station("on", rig_process("arm"))
    make_station("off", online=False)
    page = text(person, "/rigs/")
    assert "DELETE /api/stations/off" in page and 'DELETE /api/stations/on"' not in page
    assert person.delete("/api/stations/off").status_code == 200
    assert person.delete("/api/stations/on").status_code == 409
    assert [station.name for station in Station.objects.all()] == ["on"]


def test_each_of_several_teleoperators_can_be_calibrated(person: Client) -> None:
    devices = {
        "robot": "lerobot so101_follower",
        "teleoperator left": "lerobot so101_leader",
        "teleoperator right": "lerobot koch_leader",
        "teleoperator base": "browser",
    }
    make_station("pc", rig_process("arm", devices=devices))
    page = text(person, "/rigs/arm/calibrate/?role=teleoperator+right")
    for role, kind in list(devices.items())[:3]:
        assert f"{role.capitalize()}</span><small>{kind}" in page
    assert "browser" not in page
    assert 'data-body=\'{"rig": "arm", "role": "teleoperator right"}\'' in page
    assert '"role": "robot"' in text(person, "/rigs/arm/calibrate/?role=%22odd"), "one that it has"


def test_a_rig_that_cannot_be_calibrated_says_why_and_what_to_do(person: Client) -> None:
    problem = "robot.type: there is no so999_follower"
    make_station("pc", rig_process("broken", problem=problem), rig_process("simulated", devices={"robot": "sim"}))
    page = text(person, "/rigs/broken/calibrate/")
    assert "broken cannot be calibrated yet" in page and problem in page
    assert 'href="/rigs/broken/edit/?station=pc">Edit broken</a>' in page
    page = text(person, "/rigs/simulated/calibrate/")
    assert "Nothing to calibrate" in page and "is one of LeRobot&#x27;s" in page.replace("'", "&#x27;")
    assert 'id="begin"' not in page, "no button that could only fail"


def test_a_phone_that_is_not_the_camera_leads_those_back_who_are_signed_in(person: Client) -> None:
    make_rig("arm")
    page = str(person.get("/camera/arm/phone/").content, "utf-8")
    assert "This device is not the camera" in page
    assert 'href="/record/">To the record page</a>' in page and 'href="/rigs/">To the rigs</a>' in page
    person.logout()
    page = str(person.get("/camera/arm/phone/join/?code=used").content, "utf-8")
    assert "Scan the code on the record page again." in page and "To the record page" not in page


def test_a_rig_that_was_not_checked_since_it_started_has_a_link_to_its_check(person: Client) -> None:
    make_station("pc", rig_process("arm", state="running"))
    rig = make_rig("arm")
    for status, offered in (
        ({"controls": ["record", "preflight"], "preflight": None}, True),
        ({"controls": ["record", "preflight"], "preflight": {"state": "done"}}, False),
        ({"controls": ["record"]}, False),  # an older rig
    ):
        Rig.objects.filter(pk=rig.pk).update(status=status)
        assert ("/record/arm/#preflight" in text(person, "/rigs/")) == offered


def test_the_form_knows_the_joints_that_the_rig_said(person: Client) -> None:
    make_station("pc", rig_process("arm"), rig_process("new"))
    action = {"dtype": "float32", "shape": [3], "names": ["elbow.pos", "grip.pos", "x.vel"]}
    rig = make_rig("arm")
    rig.features = {"action": action | {"units": ["°", "%", "m/s"], "limits": [[-90, 90], None, [2, 1]]}}
    rig.save()
    joints = [
        {"name": "elbow.pos", "unit": "°", "limits": [-90.0, 90.0], "is_speed": False},
        {"name": "grip.pos", "unit": "%", "limits": None, "is_speed": False},
        {"name": "x.vel", "unit": "m/s", "limits": None, "is_speed": True},
    ]
    for url, expected in (("arm/edit/", joints), ("add/?like=arm", joints), ("new/edit/", []), ("add/", [])):
        assert json.loads(json.dumps(person.get(f"/rigs/{url}").context["start"]["joints"])) == expected, url


@pytest.mark.parametrize("called_offline", ["expired", "silent"])
def test_pages_hear_of_a_rig_that_was_called_offline_and_reports_the_same_as_before(called_offline: str) -> None:
    """The database stood still, say: the rig itself never changed, so its connection sees no difference."""
    card = {"name": "cell", "fps": 30, "features": {}, "cameras": []}
    status = {"type": "status", "state": "idle", "since": 1.0}
    rig_connected(hello=Hello(type="hello", protocol=1, rig=card, status=status), connection="c", actor=OLGA)
    if called_offline == "silent":
        rig_silent(name="cell", connection="c")
    else:
        Rig.objects.update(last_seen_at=timezone.now() - timedelta(minutes=1))
        assert expire_rigs() == 1
    offline = Rig.objects.get(name="cell")
    assert offline.state == "offline"
    assert rig_status(name="cell", connection="c", status=status, moved=False)
    back = Rig.objects.get(name="cell")
    assert back.state == "idle" and back.updated_at > offline.updated_at
    assert rig_status(name="cell", connection="c", status=status, moved=False)
    assert Rig.objects.get(name="cell").updated_at == back.updated_at  # nothing that a person would see


def test_a_rig_is_offline_since_its_last_status_not_since_somebody_looked(person: Client) -> None:
    """The server was off for two days, too."""
    seen = timezone.now() - timedelta(hours=50)
    make_rig("cell")
    Rig.objects.update(state="idle", state_since=seen - timedelta(hours=1), last_seen_at=seen)
    shown = [text(person, url) for url in ("/", "/rigs/")]
    assert Rig.objects.get().state == "offline"
    for page in shown:
        assert "just now" not in page and ago(seen) in page
    assert live_status(name="cell")["since"] == seen.timestamp()
