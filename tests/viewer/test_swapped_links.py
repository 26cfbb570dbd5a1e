"""Files of takes and datasets that were swapped for links after they were opened: nothing of the target comes out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from recorder.models import Episode
from tests.viewer.conftest import FRONT

MakeEpisode = Callable[..., Episode]
SECRET = b"hunter2-the-token-of-all-rigs-" * 4


@pytest.fixture
def signed_in(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "rig-token"
    path.write_bytes(SECRET)
    return path


def video_of(episode: Episode) -> Path:
    return next(episode.dataset.path.glob(f"videos/{FRONT}/*/*.mp4"))


@pytest.mark.parametrize("swap", ["file", "folder", "not a video"])
def test_it_serves_no_byte_of_what_a_link_leads_to(
    signed_in: Client, make_committed: MakeEpisode, secret: Path, swap: str
) -> None:
    episode = make_committed(5, cameras=(FRONT,))
    url = f"/media/{episode.pk}/video/{FRONT}.mp4"
    assert signed_in.head(url).status_code == 200
    path = video_of(episode)
    if swap == "file":
        path.unlink()
        path.symlink_to(secret)
    elif swap == "folder":
        shutil.rmtree(path.parent)
        (secret.parent / path.name).write_bytes(SECRET)
        path.parent.symlink_to(secret.parent)
    else:
        path.write_bytes(SECRET)
    answer = signed_in.get(url)
    assert answer.status_code == 410
    assert b"hunter2" not in answer.content


def test_it_shows_no_frame_of_a_video_that_a_link_leads_to(
    signed_in: Client, make_committed: MakeEpisode, tmp_path: Path
) -> None:
    episode = make_committed(5, cameras=(FRONT,))
    url = f"/media/{episode.pk}/frame/{FRONT}"
    assert signed_in.get(f"{url}/3.jpg").status_code == 200
    path, elsewhere = video_of(episode), tmp_path / "private.mp4"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    answer = signed_in.get(f"{url}/4.jpg")  # not the one that is kept from before
    assert answer.status_code == 410 and "link" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", [f"{FRONT}.mkv", f"{FRONT}.idx", "rows.arrow", "take.json"])
def test_it_follows_no_link_inside_a_take(
    signed_in: Client, make_episode: MakeEpisode, tmp_path: Path, name: str
) -> None:
    episode = make_episode(5, cameras=(FRONT,))
    path, elsewhere = episode.take_path / name, tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    answer = signed_in.get(f"/media/{episode.pk}/frame/{FRONT}/3.jpg")
    assert answer.status_code == 410


@pytest.mark.parametrize(
    "name", ["meta/info.json", "meta/tasks.parquet", "meta/robotdata.json", "data", "meta/episodes"]
)
def test_it_follows_no_link_out_of_a_dataset_when_it_is_opened(
    signed_in: Client, make_committed: MakeEpisode, tmp_path: Path, name: str
) -> None:
    episode = make_committed(5, cameras=(FRONT,))
    path, elsewhere = episode.dataset.path / name, tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert signed_in.get(f"/media/{episode.pk}/signals.bin").status_code in (200, 410)
    assert signed_in.get(f"/datasets/{episode.dataset.slug}/").status_code < 500


def test_it_waits_for_no_pipe(signed_in: Client, make_committed: MakeEpisode) -> None:
    episode = make_committed(5, cameras=(FRONT,))
    url = f"/media/{episode.pk}/video/{FRONT}.mp4"
    assert signed_in.head(url).status_code == 200
    path = video_of(episode)
    path.unlink()
    os.mkfifo(path)
    assert signed_in.get(url).status_code == 410


@pytest.mark.parametrize("moved", ["datasets", "spool", "dataset"])
def test_folders_that_a_person_linked_to_another_disk_are_shown(
    signed_in: Client, make_episode: MakeEpisode, make_committed: MakeEpisode, home: Path, tmp_path: Path, moved: str
) -> None:
    """The root may be a link: what is refused is one below it."""
    take, committed = make_episode(5, cameras=(FRONT,)), make_committed(5, cameras=(FRONT,))
    folder = committed.dataset.path if moved == "dataset" else home / moved
    folder.rename(tmp_path / "bigger-disk")
    folder.symlink_to(tmp_path / "bigger-disk")
    again = make_committed(6, cameras=(FRONT,)) if moved != "dataset" else committed
    for episode in (take, committed, again):
        assert signed_in.get(f"/media/{episode.pk}/frame/{FRONT}/3.jpg").status_code == 200
        assert signed_in.get(f"/media/{episode.pk}/signals.bin").status_code == 200
    assert signed_in.head(f"/media/{committed.pk}/video/{FRONT}.mp4").status_code == 200
    assert signed_in.get(f"/datasets/{committed.dataset.slug}/overview/").status_code == 200
