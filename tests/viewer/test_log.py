"""An episode's MCAP file goes out at the door of films: of what is kept, resumed from any byte, named by its number."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from recorder.models import Episode
from robotdata.spool import Take
from tests.support.foreign import codes, imported
from tests.support.streamed import body_of

MakeEpisode = Callable[..., Episode]
FRONT = "observation.images.front"


def shown(path: Path, spool: Path) -> list[int]:
    """The ticks that the front camera shows in the take that our import makes of the file."""
    imported(path, spool)
    with Take.open(spool / "a") as take:
        return codes(take, FRONT)


def test_a_take_goes_out_as_it_is_kept_and_is_resumed(
    signed_in: Client, make_episode: MakeEpisode, tmp_path: Path
) -> None:
    take = make_episode(12, trim_first=3, trim_end=10)
    address = f"/media/{take.pk}/log.mcap"
    response = signed_in.get(address)
    data = body_of(response)
    assert (response["Content-Type"], response["Content-Length"]) == ("application/x-mcap", str(len(data)))
    assert response["Content-Disposition"] == f'attachment; filename="d-{take.number}.mcap"'
    (tmp_path / "log.mcap").write_bytes(data)
    assert shown(tmp_path / "log.mcap", tmp_path / "imported") == list(range(3, 10))
    rest = signed_in.get(address, headers={"Range": "bytes=1000-", "If-Range": response["ETag"]})
    assert (rest.status_code, body_of(rest)) == (206, data[1000:])
    take.task = "pull"
    take.save()
    other = signed_in.get(address, headers={"Range": "bytes=1000-", "If-Range": response["ETag"]})
    assert other.status_code == 200 and b"pull" in body_of(other)


def test_an_episode_goes_out_by_its_number(signed_in: Client, make_committed: MakeEpisode, tmp_path: Path) -> None:
    episode = make_committed(12)
    data = body_of(signed_in.get(f"/media/{episode.pk}/log.mcap"))
    path = tmp_path / "by_command.mcap"
    call_command("log", "d", f"#{episode.number}", str(path))
    assert path.read_bytes() == data
    assert shown(path, tmp_path / "imported") == list(range(12))
    with pytest.raises(CommandError, match="exists"):
        call_command("log", "d", str(episode.number), str(path))
    with pytest.raises(CommandError, match="99"):
        call_command("log", "d", "99", str(tmp_path / "other.mcap"))
    for wrong, reason in (("other.txt", "choose one of the two"), ("nowhere/other.mcap", "make it first")):
        with pytest.raises(CommandError, match=reason):
            call_command("log", "d", str(episode.number), str(tmp_path / wrong))
    assert sorted(each.name for each in tmp_path.glob("*.mcap")) == ["by_command.mcap"]


def test_a_take_that_is_being_recorded_has_no_log(signed_in: Client, make_episode: MakeEpisode) -> None:
    take = make_episode(12, state="recording")
    assert signed_in.get(f"/media/{take.pk}/log.mcap").status_code == 400
    assert Client().get(f"/media/{take.pk}/log.mcap").status_code == 401


def test_without_rerun_the_page_says_what_to_install(
    signed_in: Client, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    take = make_episode(12)
    refused = signed_in.get(f"/media/{take.pk}/log.rrd")
    assert refused.status_code == 400 and b"requirements-rerun.txt" in refused.content
    with pytest.raises(CommandError, match="requirements-rerun.txt"):
        call_command("log", "d", str(take.number), str(tmp_path / "a.rrd"))
    assert list(tmp_path.glob("*.rrd")) == []
    page = signed_in.get(f"/episodes/{take.pk}/").content.decode()
    assert "log.rrd" not in page and "requirements-rerun.txt" in page


def test_the_page_offers_the_log(signed_in: Client, make_episode: MakeEpisode) -> None:
    take = make_episode(12)
    assert f"/media/{take.pk}/log.mcap" in signed_in.get(f"/episodes/{take.pk}/").content.decode()


def test_the_page_opens_without_the_packages(
    signed_in: Client, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = make_episode(12)
    for name in [name for name in sys.modules if name.split(".")[0] == "google"]:
        monkeypatch.delitem(sys.modules, name)
    finders = [finder for finder in sys.meta_path if finder is not PathFinder]

    class WithoutGoogle:
        """The way to packages of a computer on which no package `google` is installed."""

        @staticmethod
        def find_spec(name: str, *args: Any) -> Any:
            return None if name == "google" else PathFinder.find_spec(name, *args)

    monkeypatch.setattr(sys, "meta_path", [*finders, WithoutGoogle])
    page = signed_in.get(f"/episodes/{take.pk}/")
    assert page.status_code == 200 and "log.mcap" not in page.content.decode()
