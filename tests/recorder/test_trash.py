from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from recorder.actor import Actor
from recorder.errors import Refused
from recorder.models import Dataset, Episode
from recorder.review import trash
from recorder.review.trash import empty_trash, restore, trash_summary
from recorder.review.verdicts import set_verdict, undo
from recorder.worker.recover import recover

MakeEpisode = Callable[..., Episode]


@pytest.fixture
def rejected(make_episode: MakeEpisode) -> Episode:
    episode = make_episode(verdict="unreviewed")
    set_verdict(episodes=[episode], verdict="reject", actor=Actor("olga"))
    return episode


def test_it_says_what_emptying_frees(rejected: Episode, make_episode: MakeEpisode) -> None:
    make_episode()
    assert trash_summary() == {"episodes": 1, "bytes": rejected.size_bytes} and rejected.size_bytes > 1000


def test_it_deletes_files_only_when_it_is_emptied(rejected: Episode, make_episode: MakeEpisode, settings: Any) -> None:
    kept = make_episode()
    assert rejected.take_path.is_dir()
    freed = empty_trash(actor=Actor("olga"))
    rejected.refresh_from_db()
    assert freed > 1000 and not rejected.take_path.exists() and rejected.purged_at is not None
    assert [path.name for path in Path(settings.SPOOL_DIR).iterdir()] == [str(kept.pk)]
    assert trash_summary() == {"episodes": 0, "bytes": 0} and empty_trash(actor=Actor("olga")) == 0


def test_it_gives_back_what_lies_in_it(rejected: Episode) -> None:
    restore(episodes=[rejected], actor=Actor("sven"))
    rejected.refresh_from_db()
    assert rejected.verdict == "unreviewed" and empty_trash(actor=Actor("olga")) == 0 and rejected.take_path.is_dir()


def test_it_does_not_give_back_what_is_gone(rejected: Episode) -> None:
    empty_trash(actor=Actor("olga"))
    with pytest.raises(Refused, match="emptied from the trash"):
        restore(episodes=[rejected], actor=Actor("sven"))
    with pytest.raises(Refused, check=lambda refused: refused.code == "nothing_to_undo"):
        undo(actor=Actor("olga"))


def test_it_refuses_to_delete_what_is_not_in_it(rejected: Episode, make_episode: MakeEpisode) -> None:
    kept = make_episode()
    with pytest.raises(Refused, check=lambda refused: refused.code == "not_in_trash"):
        empty_trash(episodes=[rejected, kept], actor=Actor("olga"))
    assert kept.take_path.is_dir() and rejected.take_path.is_dir()


def test_it_deletes_only_what_was_rejected_long_ago(rejected: Episode) -> None:
    assert empty_trash(older_than=timedelta(days=1), actor=Actor("olga")) == 0
    Episode.objects.update(reviewed_at=timezone.now() - timedelta(days=2))
    assert empty_trash(older_than=timedelta(days=1), actor=Actor("olga")) > 0


def test_it_deletes_after_a_time_what_does_not_say_when_it_was_rejected(rejected: Episode) -> None:
    Episode.objects.update(reviewed_at=None)
    assert empty_trash(older_than=timedelta(days=1), actor=Actor("olga")) == 0
    Episode.objects.update(updated_at=timezone.now() - timedelta(days=2))
    assert empty_trash(older_than=timedelta(days=1), actor=Actor("olga")) > 0


def test_it_says_what_could_not_be_deleted(rejected: Episode, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(trash, "set_aside", denied)
    with pytest.raises(Refused, match="cannot be deleted from .*: .*Permission denied"):
        empty_trash(actor=Actor("olga"))
    rejected.refresh_from_db()
    assert rejected.purged_at is None and rejected.take_path.is_dir()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["set_aside", "rmtree"])
def test_it_ends_whole_or_gone_when_it_is_killed(
    transactional_db: None, rejected: Episode, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*args: Any, **_: Any) -> None:
        if step == "set_aside":
            real(*args)
        raise KeyboardInterrupt

    real = trash.set_aside
    with monkeypatch.context() as patch:
        patch.setattr(*((trash, step) if step == "set_aside" else (shutil, step)), killed)
        with pytest.raises(KeyboardInterrupt):
            empty_trash(actor=Actor("olga"))
    recover()
    rejected.refresh_from_db()
    assert rejected.take_path.is_dir() == (rejected.purged_at is None) == (step == "set_aside")
    assert not list(rejected.take_path.parent.glob(".removing-*"))


@pytest.mark.django_db(transaction=True)
def test_it_deletes_or_gives_back_but_never_both(
    transactional_db: None, cubes: Dataset, make_episode: MakeEpisode
) -> None:
    for _ in range(8):
        episode = make_episode(ticks=1, cameras=(), verdict="reject")
        barrier = threading.Barrier(2)

        def both(act: Callable[[], Any], barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            try:
                act()
            except Refused:
                pass
            finally:
                connection.close()

        acts = [lambda: empty_trash(actor=Actor("olga")), lambda e=episode: restore(episodes=[e], actor=Actor("sven"))]
        threads = [threading.Thread(target=both, args=(act,)) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        episode.refresh_from_db()
        assert episode.take_path.is_dir() == (episode.purged_at is None) == (episode.verdict == "unreviewed")
