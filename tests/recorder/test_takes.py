from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from recorder.actor import WORKER, Actor
from recorder.catalog.takes import index_take
from recorder.errors import Refused
from recorder.live.recording import give_command
from recorder.live.rigs import takes_to_index
from recorder.live.sessions import change_session, end_session, expected_features, record_args, start_session
from recorder.models import Dataset, Episode, Operation, Rig
from recorder.review.verdicts import set_verdict
from robotdata.spool import TakeWriter, update_curation
from robotdata.spool.manifest import read_manifest

pytestmark = pytest.mark.django_db
ACTION = {"action": {"dtype": "float32", "shape": [1], "names": ["a.pos"]}}


@pytest.fixture(autouse=True)
def spool(settings: Any, tmp_path: Path) -> Path:
    settings.SPOOL_DIR, settings.DATASETS_DIR = tmp_path / "spool", tmp_path / "datasets"
    settings.SPOOL_DIR.mkdir()
    return Path(settings.SPOOL_DIR)


def write_take(spool: Path, dataset: str = "pushing", state: str | None = "recorded", **facts: Any) -> str:
    """A take without cameras; state None leaves it open, as a rig at work does."""
    folder = spool / str(uuid.uuid4())
    writer = TakeWriter(folder, {"rig": "sim", "dataset": dataset, "task": "push", "fps": 30, **facts}, ACTION, {})
    writer.finish(state) if state else writer.close()
    return folder.name


@pytest.fixture
def dataset() -> Dataset:
    return Dataset.objects.create(slug="pushing", title="Pushing")


@pytest.fixture
def rig() -> Rig:
    return Rig.objects.create(name="sim", state="idle", features=ACTION)


def test_it_makes_a_row_of_a_folder_and_renews_it(spool: Path, dataset: Dataset, rig: Rig) -> None:
    take = write_take(spool, state=None)
    first = index_take(take_id=take, actor=WORKER)
    assert first is not None and (first.state, first.rig, first.dataset) == ("recording", rig, dataset)
    again = index_take(take_id=take, summary={"id": take, "state": "recorded", "ticks": 12}, actor=WORKER)
    assert again is not None and again.state == "recording"  # the folder is believed, not the message
    assert Episode.objects.count() == 1


def test_it_lets_people_s_words_stand(spool: Path, dataset: Dataset) -> None:
    take = write_take(spool)
    index_take(take_id=take, actor=WORKER)
    Episode.objects.update(verdict="keep", task="push it", note="good")
    index_take(take_id=take, actor=WORKER)
    episode = Episode.objects.get()
    assert (episode.verdict, episode.task, episode.note) == ("keep", "push it", "good")


def test_it_takes_people_s_words_from_the_folder_where_the_row_is_new(spool: Path, dataset: Dataset) -> None:
    take = write_take(spool)
    update_curation(spool / take, verdict="reject", labels=["blurred"], note="no")
    episode = index_take(take_id=take, actor=WORKER)
    assert episode is not None and (episode.verdict, episode.labels, episode.note) == ("reject", ["blurred"], "no")


def test_it_leaves_alone_what_is_being_encoded_or_gone(spool: Path, dataset: Dataset) -> None:
    take = write_take(spool)
    index_take(take_id=take, actor=WORKER)
    Episode.objects.update(state="encoding", ticks=99)
    index_take(take_id=take, summary={"id": take, "state": "interrupted", "ticks": 1}, actor=WORKER)
    assert Episode.objects.values_list("state", "ticks").get() == ("encoding", 99)
    assert takes_to_index(takes=[(take, "recorded", 0)]) == []


def test_it_asks_only_for_takes_that_say_something_new(spool: Path, dataset: Dataset) -> None:
    known, grown = write_take(spool), write_take(spool)
    for take in (known, grown):
        index_take(take_id=take, actor=WORKER)
    new = str(uuid.uuid4())
    said = [(known, "recorded", 0), (grown, "recorded", 5), (new, "interrupted", 3)]
    assert takes_to_index(takes=said) == [grown, new]


@pytest.mark.parametrize("slug", ["", "../../etc", ".hidden", "a/b", "x" * 200])
def test_it_never_makes_a_folder_name_of_what_a_rig_says(spool: Path, slug: str) -> None:
    episode = index_take(take_id=write_take(spool, slug), actor=WORKER)
    assert episode is not None and episode.dataset.slug == "unsorted"


def test_it_knows_nothing_of_a_take_without_folder_and_words() -> None:
    assert index_take(take_id=str(uuid.uuid4()), actor=WORKER) is None
    assert (
        index_take(take_id=str(uuid.uuid4()), summary={"id": "x", "state": "recorded", "ticks": 3}, actor=WORKER)
        is None
    )


def test_it_wants_of_the_second_take_what_the_first_delivered(spool: Path, dataset: Dataset, rig: Rig) -> None:
    assert expected_features(dataset=dataset) is None
    index_take(take_id=write_take(spool), actor=WORKER)
    dataset.refresh_from_db()
    assert expected_features(dataset=dataset) == {"fps": 30, "features": ACTION}
    Episode.objects.update(verdict="reject")
    assert expected_features(dataset=dataset) is None  # nothing is left that it would have to match


def test_of_rigs_that_record_together_the_first_to_end_sets_the_features(spool: Path, dataset: Dataset) -> None:
    takes = {fps: spool / str(uuid.uuid4()) for fps in (30, 10)}
    facts = {"rig": "sim", "dataset": dataset.slug, "task": "push"}
    writers = [TakeWriter(folder, facts | {"fps": fps}, ACTION, {}) for fps, folder in takes.items()]
    for folder in takes.values():
        index_take(take_id=folder.name, actor=WORKER)
    for writer, folder in zip(writers, takes.values(), strict=True):
        writer.finish("recorded")
        index_take(take_id=folder.name, actor=WORKER)
    dataset.refresh_from_db()
    assert expected_features(dataset=dataset) == {"fps": 30, "features": ACTION}


def test_it_encodes_at_once_where_the_policy_says_so(spool: Path, dataset: Dataset) -> None:
    Dataset.objects.update(policy="every", every=1, encode_unreviewed=True)
    index_take(take_id=write_take(spool), actor=WORKER)
    assert Operation.objects.get().reason == "every take"


def test_it_encodes_at_the_end_of_the_session_where_the_policy_says_so(spool: Path, dataset: Dataset, rig: Rig) -> None:
    Dataset.objects.update(policy="session", encode_unreviewed=True)
    session, new = start_session(rig=rig, dataset=dataset, task="push", actor=Actor("olga"))
    assert new and start_session(rig=rig, dataset=dataset, task="push", actor=Actor("olga")) == (session, False)
    index_take(take_id=write_take(spool, session=str(session.pk)), actor=WORKER)
    assert Episode.objects.get().session == session
    change_session(session=session, task="pull", reset_s=4.0, actor=Actor("olga"))
    assert record_args(session)["task"] == "pull"
    assert end_session(session=session, actor=Actor("olga")) == Operation.objects.get()
    assert end_session(session=session, actor=Actor("olga")) is None


@pytest.mark.parametrize("has_folder", [True, False])
def test_a_take_that_its_rig_records_again_is_rejected_until_a_person_takes_that_back(
    spool: Path, dataset: Dataset, has_folder: bool
) -> None:
    take = write_take(spool)
    summary = {"id": take, "state": "recorded", "ticks": 0, "dataset": "pushing", "verdict": "reject"}
    index_take(take_id=take, actor=WORKER)
    update_curation(spool / take, by="sim", labels=["failure"])
    update_curation(spool / take, by="rerecord", verdict="reject")
    if not has_folder:
        (spool / take).rename(spool / "elsewhere")
    row = index_take(take_id=take, summary=summary, actor=WORKER)
    assert row is not None and (row.verdict, row.reviewer) == ("reject", "rerecord")
    assert row.labels == (["failure"] if has_folder else [])
    set_verdict(episodes=[row], verdict="keep", actor=Actor("olga"))
    row = index_take(take_id=take, summary=summary, actor=WORKER)
    assert row is not None and row.verdict == "keep"


def test_a_verdict_while_the_folder_is_compared_stays(
    spool: Path, dataset: Dataset, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person kept it after the folder was read, which said that it is recorded again."""
    take = write_take(spool)
    row = index_take(take_id=take, actor=WORKER)
    update_curation(spool / take, by="rerecord", verdict="reject")
    kept: list[Episode] = []

    def kept_meanwhile(folder: Path) -> Any:
        before = read_manifest(folder)
        if not kept and row is not None:
            kept.append(row)
            set_verdict(episodes=[row], verdict="keep", actor=Actor("olga"))
        return before

    monkeypatch.setattr("recorder.catalog.takes.read_manifest", kept_meanwhile)
    again = index_take(take_id=take, actor=WORKER)
    assert kept and again is not None and again.verdict == "keep"


@pytest.mark.parametrize("state", ["encoding", "encoded"])
def test_a_take_on_its_way_into_the_dataset_is_not_recorded_again(
    spool: Path, dataset: Dataset, rig: Rig, state: str
) -> None:
    session, _ = start_session(rig=rig, dataset=dataset, actor=Actor("olga"), task="push")
    take = write_take(spool, session=str(session.pk))
    index_take(take_id=take, actor=WORKER)
    Episode.objects.update(state=state, episode_index=0 if state == "encoded" else None)
    Rig.objects.update(status={"last_take": {"id": take}})
    with pytest.raises(Refused, match="no longer a take to review"):
        give_command(rig_name="sim", name="rerecord", args={}, actor=Actor("olga"))
