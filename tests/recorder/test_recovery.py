from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from recorder.actor import Actor
from recorder.jobs.encoding import start_encoding
from recorder.models import Change, Dataset, Episode, Job, Operation, Session
from recorder.review.trash import empty_trash
from recorder.review.verdicts import edit_episodes, set_verdict
from recorder.worker import commit, encode, run
from recorder.worker.recover import rebuild, recover
from recorder.worker.recover_takes import find_missing
from recorder.worker.recovery_report import Report
from tests.recorder.conftest import H264, work, write_take
from tests.support import programs

MakeEpisode = Callable[..., Episode]
OLD = "2020-01-01T00:00:00Z"


def put_take(home: Path, name: str = "0b9d4fd4-58a2-4a6d-8a6f-6a3a3ff4a001", **more: Any) -> Path:
    write_take(home / "spool" / name, number=1, ticks=8, cameras=("observation.images.front",), **more)
    return home / "spool" / name


def test_it_finds_nothing_to_do_in_an_empty_home(db: None, home: Path) -> None:
    report = recover()
    assert (report.code, report.takes, report.messages, report.lost) == (0, 0, [], [])


def test_it_adopts_takes_that_the_database_does_not_know(cubes: Dataset, home: Path) -> None:
    folder = put_take(home)
    report = recover()
    episode = Episode.objects.get(pk=folder.name)
    assert (report.adopted, report.usable, report.code) == (1, 1, 0)
    assert (episode.dataset, episode.state, episode.ticks, episode.task) == (cubes, "recorded", 8, "push")


def test_it_closes_an_unfinished_take_and_says_so(cubes: Dataset, home: Path) -> None:
    folder = put_take(home, state="recording")
    with (folder / "rows.arrow").open("ab") as rows:
        rows.write(b"half a row")
    report = recover()
    episode = Episode.objects.get(pk=folder.name)
    assert (episode.state, episode.ticks, report.interrupted, report.code) == ("interrupted", 8, 1, 3)
    assert any("interrupted, 8 frames recovered" in line for line in report.messages)
    again = recover()
    assert (again.code, again.messages, again.interrupted) == (0, [], 0), "twice is once"


def test_it_believes_the_folder_where_a_crash_came_between(make_episode: MakeEpisode) -> None:
    episode = make_episode(verdict="unreviewed")
    set_verdict(episodes=[episode], verdict="reject", actor=Actor("olga"))
    edit_episodes(episodes=[episode], actor=Actor("olga"), note="dark", trim_first=1, trim_end=4)
    yesterday = {"verdict": "unreviewed", "note": "", "trim_first": None, "trim_end": None, "reviewer": ""}
    Episode.objects.update(**yesterday)
    recover()
    episode.refresh_from_db()
    assert episode.reviewer == "olga"
    assert (episode.verdict, episode.note, episode.trim_first, episode.trim_end) == ("reject", "dark", 1, 4)


def test_it_says_that_a_folder_is_missing_and_deletes_nothing(make_episode: MakeEpisode) -> None:
    episode = make_episode()
    away = episode.take_path.rename(episode.take_path.with_name("away"))
    report = recover()
    episode.refresh_from_db()
    assert report.code == 1 and "restore it" in episode.error and str(episode.take_path) in report.lost[0]
    away.rename(episode.take_path)
    assert recover().code == 0
    episode.refresh_from_db()
    assert episode.error == ""


def test_a_take_that_is_deleted_while_missing_ones_are_listed_is_not_missing(
    make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    episode, is_dir = make_episode(), Path.is_dir

    def deleted_meanwhile(path: Path) -> bool:
        if path == episode.take_path:
            monkeypatch.setattr(Path, "is_dir", is_dir)
            set_verdict(episodes=[episode], verdict="reject", actor=Actor("olga"))
            empty_trash(actor=Actor("olga"))
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", deleted_meanwhile)
    report = Report()
    find_missing(report)
    episode.refresh_from_db()
    assert episode.purged_at is not None and (report.lost, episode.error) == ([], "")


def test_it_says_which_folders_are_unusable(cubes: Dataset, home: Path) -> None:
    put_take(home)
    broken = put_take(home, "0b9d4fd4-58a2-4a6d-8a6f-6a3a3ff4a002")
    (broken / "take.json").write_text("{")
    report = recover()
    assert report.code == 3 and len(report.lost) == 1 and broken.name in report.lost[0]
    assert (broken / "rows.arrow").exists()


def test_it_gives_back_episodes_that_no_batch_holds(make_episode: MakeEpisode) -> None:
    whole, cut = make_episode(), make_episode(state="interrupted")
    Episode.objects.update(state="encoding")
    recover()
    whole.refresh_from_db()
    cut.refresh_from_db()
    assert (whole.state, cut.state) == ("recorded", "interrupted")


@pytest.mark.django_db(transaction=True)
def test_it_gives_back_the_jobs_of_dead_workers(
    transactional_db: None, cubes: Dataset, make_episode: MakeEpisode, bells: list[Any]
) -> None:
    make_episode()
    operation = start_encoding(dataset=cubes, actor=Actor("olga"))
    job = encode.claim_job(Job.objects.get().pk)
    assert job is not None and recover().jobs_requeued == 0, "its worker may be alive"
    Job.objects.update(lease_until=OLD)
    bells.clear()
    assert recover().jobs_requeued == 1
    assert Job.objects.get().state == "queued" and ("run_job", (job.pk,)) in bells
    assert work(operation).state == "done"


@pytest.mark.django_db(transaction=True)
class TestCommitted:
    @pytest.fixture
    def committed(self, transactional_db: None, cubes: Dataset, make_episode: MakeEpisode) -> Dataset:
        first = make_episode(verdict="unreviewed", session="9d5f57cf-6b54-4c0e-9d5c-0a2b1d1ed001")
        edit_episodes(episodes=[first], actor=Actor("olga"), labels=["slow"], rating=4, task="stack")
        set_verdict(episodes=[first], verdict="keep", actor=Actor("olga"))
        make_episode()
        work(start_encoding(dataset=cubes, actor=Actor("olga")))
        return cubes

    def test_it_rebuilds_everything_from_the_folders(
        self, committed: Dataset, make_episode: MakeEpisode, settings: Any
    ) -> None:
        session = "9d5f57cf-6b54-4c0e-9d5c-0a2b1d1ed002"
        rejected = make_episode(verdict="unreviewed", session=session)
        set_verdict(episodes=[rejected], verdict="reject", actor=Actor("olga"))
        from recorder.catalog.datasets import change_dataset

        change_dataset(dataset=committed, title="My cubes", policy="every", every=7, actor=Actor("olga"))
        names = ["id", "state", "verdict", "task", "labels", "rating", "ticks", "episode_index", "recorded_at"]
        names += ["reviewer"]
        judged = Episode.objects.exclude(reviewed_at=None).values_list("pk", "reviewed_at")
        when = dict(judged)
        before = list(Episode.objects.order_by("recorded_at").values(*names))
        report = rebuild()
        assert report.code == 0, report.lost
        assert list(Episode.objects.order_by("recorded_at").values(*names)) == before
        assert len(when) == 2 and when.keys() == {pk for pk, _ in judged.all()}
        assert all(abs(at - when[pk]) < timedelta(seconds=5) for pk, at in judged.all())
        dataset = Dataset.objects.get()
        assert (dataset.title, dataset.policy, dataset.every, dataset.encoding) == ("My cubes", "every", 7, H264)
        assert str(Session.objects.get().pk) == session and Episode.objects.get(pk=rejected.pk).session is not None
        assert not Operation.objects.exists() and not Change.objects.exists()

    def test_it_does_not_encode_again_what_is_committed(
        self, committed: Dataset, make_episode: MakeEpisode, settings: Any
    ) -> None:
        settings.KEEP_RAW = True
        Dataset.objects.update(policy="every", every=1)
        kept = make_episode(verdict="unreviewed")
        set_verdict(episodes=[kept], verdict="keep", actor=Actor("olga"))
        operation = Operation.objects.order_by("-created_at").first()
        assert operation is not None and work(operation).state == "done" and kept.take_path.is_dir()
        rebuild()
        assert Episode.objects.committed().count() == 3 and not Operation.objects.exists()

    def test_it_brings_a_half_commit_to_its_end(self, committed: Dataset, home: Path) -> None:
        from robotdata.dataset.write import swap
        from robotdata.files.json_files import write_new_json

        folder = committed.work_path / "cubes@abc"
        (folder / "next").parent.mkdir(parents=True)
        committed.path.rename(folder / "next")  # killed between the two renames
        (folder / "old").mkdir()
        write_new_json(folder / swap.READY, {"dataset": "cubes", "fresh": False, "from": 0, "to": 1})
        report = recover()
        assert report.code == 0 and any("completed" in line for line in report.messages)
        assert (committed.path / "meta/info.json").is_file()
        assert committed.episodes.committed().count() == 2

    def test_it_tidies_what_a_crash_left_after_a_commit(
        self, committed: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        episode = make_episode()
        with monkeypatch.context() as patch:
            patch.setattr(run, "clear_committed", lambda *_: None)  # killed before
            work(start_encoding(dataset=committed, actor=Actor("olga")))
        assert episode.take_path.is_dir()
        assert recover().code == 0 and not episode.take_path.exists()

    def test_it_ends_a_batch_whose_episodes_it_finds_in_the_folder(
        self, committed: Dataset, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        episode = make_episode()
        operation = start_encoding(dataset=committed, actor=Actor("olga"))
        with monkeypatch.context() as patch:

            def killed(*_: Any) -> None:
                raise KeyboardInterrupt

            patch.setattr(commit, "_write_rows", killed)
            with pytest.raises(KeyboardInterrupt):
                work(operation)
        assert recover().code == 0
        episode.refresh_from_db()
        assert (episode.state, episode.episode_index) == ("encoded", 2)
        Operation.objects.update(lease_until=OLD)
        run.run_operation(operation.pk)
        operation.refresh_from_db()
        assert (operation.state, operation.error) == ("done", "") and not episode.take_path.exists()

    def test_it_finds_dataset_folders(self, committed: Dataset) -> None:
        shutil.copytree(committed.path, committed.path.with_name("brought"))
        Dataset.objects.filter(slug="brought").delete()
        assert recover().code == 0
        assert Dataset.objects.get(slug="brought").total_episodes == 2


@pytest.mark.django_db(transaction=True)
def test_it_tells_the_shell_how_it_went(transactional_db: None, cubes: Dataset, home: Path) -> None:
    from recorder.management.commands.recover import Command

    put_take(home, state="recording")
    with pytest.raises(SystemExit) as end:
        Command(stdout=StringIO()).run_from_argv(["manage.py", "recover", "--quiet"])
    assert end.value.code == 0
    (put_take(home, "0b9d4fd4-58a2-4a6d-8a6f-6a3a3ff4a002") / "take.json").write_text(json.dumps({"format": "?"}))
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        Command(stdout=out).run_from_argv(["manage.py", "recover"])
    assert end.value.code == 3 and "LOST" in out.getvalue() and "1 usable" in out.getvalue()
    call_command("recover", quiet=True, stdout=StringIO())  # a program goes on


@pytest.mark.django_db(transaction=True)
def test_it_prints_what_no_terminal_can_show(transactional_db: None, cubes: Dataset, home: Path) -> None:
    path = put_take(home, state="recording") / "take.json"
    manifest = json.loads(path.read_text())
    manifest["features"]["\ud800"] = manifest["features"].pop("observation.images.front")
    path.write_text(json.dumps(manifest))
    printed = io.BytesIO()
    with io.TextIOWrapper(printed, encoding="utf-8") as out:
        call_command("recover", quiet=True, stdout=out)
        out.flush()
        assert path.parent.name in printed.getvalue().decode()


@pytest.mark.django_db(transaction=True)
def test_it_verifies_a_dataset_by_name_or_path(
    transactional_db: None, cubes: Dataset, make_episode: MakeEpisode
) -> None:
    from recorder.management.commands.verify import Command

    def verify(*args: str) -> tuple[int, str]:
        out = StringIO()
        with pytest.raises(SystemExit) as end:
            Command(stdout=out, stderr=out).run_from_argv(["manage.py", "verify", *args])
        return int(str(end.value.code)), out.getvalue()

    make_episode()
    work(start_encoding(dataset=cubes, actor=Actor("olga")))
    assert verify("cubes", "--deep")[0] == 0 and verify(str(cubes.path))[0] == 0
    video = next(cubes.path.rglob("*.mp4"))
    video.write_bytes(video.read_bytes()[:-200])
    code, text = verify("cubes", "--deep")
    assert code == 3 and video.name in text
    code, text = verify("nothing")
    assert code == 1 and "Dataset 'nothing' does not exist" in text


def test_it_hands_jobs_over_only_after_their_lease(cubes: Dataset, make_episode: MakeEpisode) -> None:
    make_episode()
    start_encoding(dataset=cubes, actor=Actor("olga"))
    job = encode.claim_job(Job.objects.get().pk)
    assert job is not None and job.lease_until is not None and job.lease_until > timezone.now()


def test_it_rebuilds_a_database_that_is_damaged(home: Path) -> None:
    write_take(home / "spool/0b9d4fd4-58a2-4a6d-8a6f-6a3a3ff4a001", number=1, ticks=3, cameras=())
    database = home / ".state/robotdata.sqlite3"
    database.parent.mkdir()
    database.write_bytes(b"no database" * 1000)
    env = {**os.environ, "ROBOTDATA_HOME": str(home), "DJANGO_SETTINGS_MODULE": "robotdata.settings"}
    root = Path(__file__).resolve().parents[2]
    done = programs.run(
        [sys.executable, "manage.py", "rebuild"], cwd=root, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and "The old database is" in done.stdout, done.stdout + done.stderr
    assert "1 take in the spool: 1 usable" in done.stdout
    (aside,) = database.parent.glob("robotdata.sqlite3.*.old")
    assert aside.read_bytes().startswith(b"no database")


@pytest.mark.parametrize("history", ["x", ["x"], [{"changes": "x"}], [{"changes": {"verdict": "maybe"}}], None])
def test_it_takes_in_a_take_whose_history_is_odd(
    transactional_db: None, cubes: Dataset, home: Path, history: Any
) -> None:
    folder = put_take(home, dataset="cubes")
    manifest = json.loads((folder / "take.json").read_text())
    manifest["curation"] |= {"verdict": "keep", "history": history}
    (folder / "take.json").write_text(json.dumps(manifest))
    recover()
    episode = Episode.objects.get()
    assert (episode.verdict, episode.reviewer, episode.reviewed_at) == ("keep", "", None)
