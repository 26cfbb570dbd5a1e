"""Whoever may not do a thing is refused by the service that would do it, and nothing is changed by then."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from recorder.actor import COMMAND, NAME_LENGTH, WORKER, Actor, ActorKind
from recorder.catalog import (
    additions,
    conversions,
    dataset_trash,
    datasets,
    datasets_on_disk,
    feature_changes,
    hub_tokens,
    importing,
    older_copies,
    publishing,
    repairs,
    reshape_undo,
    reshapes,
    sending,
    takes,
    transfer_undo,
    transfers,
)
from recorder.catalog.disk import Kind
from recorder.errors import Refused
from recorder.jobs import converting, encoding, operation_rows, operations, pushing, reencoding, revising
from recorder.live import (
    camera_pairing,
    preflight,
    recording,
    remarks,
    replaying,
    rig_commands,
    rigs,
    sessions,
    station_asks,
    station_rigs,
    stations,
)
from recorder.live.rig_messages import Hello
from recorder.live.station_messages import Hello as StationHello
from recorder.models import ApiToken, Change, Dataset, Episode, Operation, Rig, Session, Station, Unopened, permissions
from recorder.models.permissions import Action
from recorder.models.states import OperationState, OperationType
from recorder.review import bulk_edit, free_space, revert, trash, verdicts
from recorder.review import change_many as many
from recorder.worker import run
from robotdata.dataset.write.feature_change import FeatureChange
from tests.recorder.conftest import FRONT, H264, work, write_take
from tests.support.acting import acting

MakeEpisode = Callable[..., Episode]
OLGA = Actor("olga", browser="one", user_id=7)
RIG = Actor("arm-2", ActorKind.RIG)
pytestmark = pytest.mark.django_db


@dataclass
class World:
    """Something for every service to change."""

    home: Path
    cubes: Dataset
    take: Episode
    other: Episode
    trashed: Episode
    committed: Episode
    rig: Rig
    session: Session
    make_episode: MakeEpisode


@pytest.fixture
def world(home: Path, cubes: Dataset, make_episode: MakeEpisode) -> World:
    take, other = make_episode(2, verdict="unreviewed"), make_episode(2)
    trashed = make_episode(2, verdict="reject")
    committed = Episode.objects.create(
        dataset=cubes, state="encoded", verdict="reject", ticks=4, episode_index=0, committed_task="lift", task="lift"
    )
    Episode.objects.create(
        dataset=cubes, state="encoded", verdict="keep", ticks=4, episode_index=1, committed_task="lift", task="lift"
    )
    (cubes.revisions_path / "1").mkdir(parents=True)
    # Seen in the future, so that it counts as online however slow the machine is; nobody answers for it.
    rig = Rig.objects.create(name="arm-1", state="idle", last_seen_at=timezone.now() + timedelta(hours=1))
    session = Session.objects.create(rig=rig, dataset=cubes, task="push")
    return World(home, cubes, take, other, trashed, committed, rig, session, make_episode)


# What a service needs besides: made before it is refused.
def judged(world: World) -> None:
    verdicts.set_verdict(episodes=[world.take], verdict="keep", actor=OLGA)


def encoding_operation(world: World) -> Operation:
    return encoding.start_encoding(dataset=world.cubes, actor=OLGA, episodes=[world.other])


def failed_operation(world: World) -> Operation:
    operation = encoding.start_encoding(dataset=world.cubes, actor=OLGA, episodes=[world.other])
    operation.jobs.update(state="failed")
    Operation.objects.filter(pk=operation.pk).update(state=OperationState.FAILED)
    Episode.objects.filter(pk=world.other.pk).update(state="failed")
    operation.refresh_from_db()
    return operation


def failed_edit(world: World) -> Operation:
    return Operation.objects.create(dataset=world.cubes, type=OperationType.EDIT, state=OperationState.FAILED)


def failed_push(world: World) -> Operation:
    asked = {"repository": "a/b", "user": OLGA.user_id}
    failed = OperationState.FAILED
    return Operation.objects.create(dataset=world.cubes, type=OperationType.PUSH, state=failed, arguments=asked)


def account(_: World) -> None:
    get_user_model()._default_manager.create(pk=OLGA.user_id, username="olga")


def own_token(world: World) -> None:
    account(world)
    hub_tokens.keep_token(token="hf_x", actor=OLGA)


def waiting_edit(world: World) -> Operation:
    return Operation.objects.create(dataset=world.cubes, type=OperationType.EDIT, state=OperationState.RUNNING)


def conversion(_: World) -> Operation:
    new = Dataset.objects.create(slug="old-v30", title="old (v3.0)")
    return Operation.objects.create(dataset=new, type=OperationType.CONVERT, state=OperationState.RUNNING)


def old_folder(_: World) -> Unopened:
    return Unopened.objects.create(kind="dataset", name="old", remedy="convert")


def begin_revert(world: World, actor: Actor) -> Operation:
    return operation_rows.begin_revising(
        type=OperationType.REVERT, dataset=world.cubes, actor=actor, arguments={"revision": 1}
    )


def empty_session(world: World) -> Session:
    return Session.objects.create(rig=Rig.objects.create(name="arm-3"), dataset=world.cubes, task="push")


def phone(world: World) -> None:
    """The rig has a camera that is a browser."""
    world.rig.cameras = [{"key": "observation.images.phone", "name": "phone", "width": 640, "height": 480, "fps": 30}]
    world.rig.status = {"inputs": {"cameras": ["observation.images.phone"]}}
    world.rig.save()


def paired(world: World) -> None:
    """A phone is that camera."""
    phone(world)
    code = camera_pairing.issue_link("arm-1", "phone", actor=OLGA)
    assert camera_pairing.redeem_link(code, "arm-1", "phone", {})


def other_dataset(_: World) -> Dataset:
    return Dataset.objects.create(slug="cups", title="Cups", encoding=H264)


def take_folder(world: World) -> str:
    name = str(uuid.uuid4())
    write_take(world.home / "spool" / name, number=9, ticks=2, cameras=(FRONT,))
    return name


def dataset_folder(world: World) -> Path:
    cups = other_dataset(world)
    world.make_episode(2, dataset="cups")
    work(encoding.start_encoding(dataset=cups, actor=OLGA))
    cups.operations.all().delete()
    cups.episodes.all().delete()
    cups.delete()
    return cups.path


def begun_upload(_: World) -> str:
    return additions.begin_upload(name="x.zip", size=9, actor=OLGA).id


def encoded(world: World, slug: str = "cups") -> Dataset:
    """A dataset with an episode."""
    row = Dataset.objects.create(slug=slug, title=slug.capitalize(), encoding=H264)
    episode = world.make_episode(2, dataset=slug)
    work(encoding.start_encoding(dataset=row, actor=OLGA, episodes=[episode]))
    row.refresh_from_db()
    return row


def two_encoded(world: World) -> list[Dataset]:
    return [encoded(world, "cups"), encoded(world, "pots")]


def duplicated(world: World) -> Operation:
    operation = transfers.start_duplicate(dataset=encoded(world), title="Again", actor=OLGA)
    run.run_operation(operation.pk)
    operation.refresh_from_db()
    return operation


def idle(world: World) -> Dataset:
    """A dataset into which nobody records."""
    return Dataset.objects.create(slug="cups", title="Cups", encoding=H264)


def in_trash(world: World) -> str:
    return dataset_trash.trash_dataset(dataset=idle(world), actor=OLGA).name


def reshape(cups: Dataset, actor: Actor) -> Operation:
    change = reshapes.to_images_of(cups, cameras=[FRONT])
    return reshapes.start_reshape(dataset=cups, change=change, actor=actor)


def reshaped(world: World) -> Operation:
    operation = reshape(encoded(world), OLGA)
    run.run_operation(operation.pk)
    return Operation.objects.get(pk=operation.pk)


def half_encoded(world: World) -> Operation:
    """A change with videos beside the dataset."""
    operation = reshape(encoded(world), OLGA)
    folder = reencoding.encoded_folder(operation)
    folder.mkdir(parents=True)
    (folder / "one.mp4").write_bytes(b"...")
    return operation


def start_copy(cups: Dataset, actor: Actor) -> Operation:
    new = transfers.Destination(title="New")
    maps = transfers.Maps()
    return transfers.start_copy(
        dataset=cups, episodes=list(cups.episodes.all()), to=new, move=False, maps=maps, actor=actor
    )


def start_split(cups: Dataset, actor: Actor) -> Operation:
    return transfers.start_split(dataset=cups, parts=transfers.parts_by_task(cups), actor=actor)


def start_merge(both: list[Dataset], actor: Actor) -> Operation:
    maps = transfers.Maps()
    return transfers.start_merge(dataset=both[0], others=both[1:], title="Both", maps=maps, actor=actor)


def hello(_: World) -> Hello:
    card = {"name": "arm-2", "robot_type": "arm", "host": "here", "pid": 1, "fps": 30, "features": {}, "cameras": []}
    return Hello.model_validate({"type": "hello", "protocol": rigs.VERSION, "rig": card})


RIG_FILE = '[rig]\nname = "arm-9"\n'


def station_hello(_: World) -> StationHello:
    return StationHello.model_validate({"type": "hello", "protocol": stations.VERSION, "station": {"name": "pc"}})


def away(_: World) -> Station:
    """A station that is offline, and a rig of nobody that is gone."""
    Rig.objects.create(name="arm-9")
    return Station.objects.create(name="pc")


def undo_many(world: World, actor: Actor) -> None:
    many.undo_many(changes=list(world.take.changes.all()), actor=actor).raise_refusals(1)


def change_all(world: World, actor: Actor) -> None:
    both = [world.take, world.other]
    many.change_all(episodes=both, fields_for=lambda _: {"rating": 3}, actor=actor, group=uuid.uuid4())


def record(world: World, actor: Actor) -> None:
    recording.start_recording(rig_name="arm-1", dataset=world.cubes, actor=actor, task="push")


def send_command(_: World, actor: Actor) -> None:
    async_to_sync(rig_commands.send_command)("arm-1", "stop", actor=actor)


class Case(NamedTuple):
    """A call of a service with (world, actor, what `before` made), and how it ends where the actor may do it.

    `ends` is "changed", or the code of another refusal: no rig answers here.
    """

    call: Callable[[World, Actor, Any], Any]
    before: Callable[[World], Any] = lambda _: None
    ends: str = "changed"


CASES = {
    "set_verdict": Case(lambda w, a, _: verdicts.set_verdict(episodes=[w.take], verdict="reject", actor=a)),
    "edit_episodes": Case(lambda w, a, _: verdicts.edit_episodes(episodes=[w.take], note="dark", actor=a)),
    "undo": Case(lambda w, a, _: verdicts.undo(actor=a), judged),
    "undo_some": Case(lambda w, a, _: verdicts.undo_some(actor=a, most=1), judged),
    "rename_task": Case(lambda w, a, _: bulk_edit.rename_task(dataset=w.cubes, task="push", to="pull", actor=a)),
    "edit_many": Case(lambda w, a, _: bulk_edit.edit_many(episodes=[w.take, w.other], rating=4, actor=a)),
    "revert": Case(lambda w, a, _: revert.revert(episode=w.take, change=None, actor=a), judged),
    "change_all": Case(lambda w, a, _: change_all(w, a)),
    "undo_many": Case(lambda w, a, _: undo_many(w, a), judged),
    "restore": Case(lambda w, a, _: trash.restore(episodes=[w.trashed], actor=a)),
    "empty_trash": Case(lambda w, a, _: trash.empty_trash(actor=a)),
    "start_encoding": Case(lambda w, a, _: encoding.start_encoding(dataset=w.cubes, actor=a)),
    "cancel_operation": Case(
        lambda w, a, operation: operations.cancel_operation(operation=operation, actor=a), failed_operation
    ),
    "retry_operation": Case(
        lambda w, a, operation: operations.retry_operation(operation=operation, actor=a), failed_operation
    ),
    "retry_encoding": Case(lambda w, a, operation: encoding.retry_encoding(operation, a), failed_operation),
    "prepare_release": Case(lambda w, a, operation: encoding.prepare_release(operation, a)(), encoding_operation),
    "prepare_removal": Case(lambda w, a, operation: converting.prepare_removal(operation, a)(), conversion),
    "start_conversion": Case(lambda w, a, row: conversions.start_conversion(row=row, actor=a), old_folder),
    "restart_revising": Case(lambda w, a, edit: operation_rows.restart_revising(edit, a), failed_edit),
    "begin_revising": Case(lambda w, a, _: begin_revert(w, a)),
    "apply_changes": Case(lambda w, a, _: revising.apply_changes(dataset=w.cubes, actor=a)),
    "start_revert": Case(lambda w, a, _: revising.start_revert(dataset=w.cubes, revision=1, actor=a)),
    "start_copy": Case(lambda w, a, cups: start_copy(cups, a), encoded),
    "start_split": Case(lambda w, a, cups: start_split(cups, a), encoded),
    "start_merge": Case(lambda w, a, both: start_merge(both, a), two_encoded),
    "start_duplicate": Case(
        lambda w, a, cups: transfers.start_duplicate(dataset=cups, title="Again", actor=a), encoded
    ),
    "start_change": Case(
        lambda w, a, cups: feature_changes.start_change(
            dataset=cups, change=FeatureChange(robot_type="crane"), actor=a
        ),
        encoded,
    ),
    "undo_transfer": Case(lambda w, a, done: transfer_undo.undo_transfer(operation=done, actor=a), duplicated),
    "start_repair": Case(lambda w, a, cups: repairs.start_repair(dataset=cups, actor=a), encoded),
    "start_older_copy": Case(lambda w, a, cups: older_copies.start_older_copy(dataset=cups, actor=a), encoded),
    "open_older_archive": Case(
        lambda w, a, done: older_copies.open_older_archive(operation=done, actor=a), duplicated, "no_copy"
    ),
    "rename_dataset": Case(
        lambda w, a, cups: dataset_trash.rename_dataset(dataset=cups, title="Pots", folder=True, actor=a), idle
    ),
    "trash_dataset": Case(lambda w, a, cups: dataset_trash.trash_dataset(dataset=cups, actor=a), idle),
    "restore_dataset": Case(lambda w, a, name: dataset_trash.restore_dataset(name=name, actor=a), in_trash),
    "delete_permanently": Case(lambda w, a, name: dataset_trash.delete_permanently(name=name, actor=a), in_trash),
    "free_space": Case(lambda w, a, _: free_space.free_space(kind=Kind.REVISIONS, name="cubes", actor=a)),
    "prepare_forgetting": Case(lambda w, a, done: reencoding.prepare_forgetting(done, a)(), half_encoded),
    "start_reshape": Case(lambda w, a, cups: reshape(cups, a), encoded),
    "undo_reshape": Case(lambda w, a, done: reshape_undo.undo_reshape(operation=done, actor=a), reshaped),
    "create_dataset": Case(lambda w, a, _: datasets.create_dataset(title="Cups", actor=a)),
    "change_dataset": Case(lambda w, a, _: datasets.change_dataset(dataset=w.cubes, goal=9, actor=a)),
    "look_into": Case(lambda w, a, _: additions.look_into(path="here", actor=a), ends="invalid"),
    "add_paths": Case(lambda w, a, _: additions.add_paths(paths=["here"], actor=a), ends="invalid"),
    "add_from_hub": Case(lambda w, a, _: additions.add_from_hub(repository="here", actor=a), ends="not_added"),
    "begin_upload": Case(lambda w, a, _: additions.begin_upload(name="x.zip", size=9, actor=a)),
    "store_piece": Case(
        lambda w, a, one: additions.store_piece(addition_id=one, offset=0, data=b"PK", actor=a), begun_upload
    ),
    "finish_upload": Case(
        lambda w, a, one: additions.finish_upload(addition_id=one, actor=a), begun_upload, "not_added"
    ),
    "look_at": Case(
        lambda w, a, _: importing.look_at(paths=["here"], mapping=None, changes=importing.Changes(), actor=a),
        ends="invalid",
    ),
    "start_import": Case(
        lambda w, a, _: importing.start_import(paths=["here"], dataset="pegs", mapping={}, actor=a), ends="invalid"
    ),
    "mapping_named": Case(lambda w, a, _: importing.mapping_named(name="none", actor=a), ends="not_imported"),
    "keep_mapping": Case(lambda w, a, _: importing.keep_mapping(name="a/b", value={}, actor=a), ends="not_imported"),
    "cancel_addition": Case(lambda w, a, one: additions.cancel_addition(addition_id=one, actor=a), begun_upload),
    "open_inner": Case(lambda w, a, _: additions.open_inner(outer="ann", inner="cubes", actor=a), ends="no_dataset"),
    "preview_push": Case(
        lambda w, a, _: publishing.preview_push(dataset=w.cubes, repository="a/b", actor=a), ends="empty"
    ),
    "start_push": Case(lambda w, a, _: publishing.start_push(dataset=w.cubes, repository="a/b", actor=a), ends="empty"),
    "begin_push": Case(lambda w, a, _: pushing.begin_push(dataset=w.cubes, actor=a, arguments={"repository": "a/b"})),
    "restart_push": Case(lambda w, a, push: pushing.restart_push(push, a), failed_push),
    "keep_token": Case(lambda w, a, _: hub_tokens.keep_token(token="hf_x", actor=a), account),
    "forget_token": Case(lambda w, a, _: hub_tokens.forget_token(actor=a), own_token),
    "open_archive": Case(lambda w, a, _: sending.open_archive(dataset=w.cubes, actor=a), ends="empty"),
    "adopt_folder": Case(lambda w, a, path: datasets_on_disk.adopt_folder(path=path, actor=a), dataset_folder),
    "start_session": Case(
        lambda w, a, cups: sessions.start_session(rig=w.rig, dataset=cups, task="push", actor=a), other_dataset
    ),
    "change_session": Case(lambda w, a, _: sessions.change_session(session=w.session, task="pull", actor=a)),
    "drop_session": Case(lambda w, a, empty: sessions.drop_session(session=empty, actor=a), empty_session),
    "end_session": Case(lambda w, a, _: sessions.end_session(session=w.session, actor=a)),
    "end_on_rig": Case(
        lambda w, a, _: sessions.end_on_rig(rig=w.rig, session=w.session, actor=a, must_answer=True), ends="offline"
    ),
    "start_recording": Case(lambda w, a, _: record(w, a), ends="offline"),
    "start_replay": Case(
        lambda w, a, _: replaying.start_replay(rig_name="arm-1", episode=w.take, actor=a), ends="offline"
    ),
    "finish_session": Case(lambda w, a, _: recording.finish_session(session=w.session, actor=a)),
    "set_outcome": Case(lambda w, a, _: bulk_edit.set_outcome(episode=w.take, outcome="failure", actor=a)),
    "remark_on_take": Case(
        lambda w, a, _: remarks.remark_on_take(
            rig_name="arm-1", take_id=uuid.uuid4(), fields={"outcome": "failure"}, actor=a
        ),
        ends="offline",
    ),
    "give_command": Case(
        lambda w, a, _: recording.give_command(rig_name="arm-1", name="stop", args={}, actor=a), ends="offline"
    ),
    "send_command": Case(lambda w, a, _: send_command(w, a), ends="offline"),
    "check_rig": Case(lambda w, a, _: preflight.check_rig(rig=w.rig, args={}, actor=a), ends="offline"),
    "end_pairings": Case(lambda w, a, _: camera_pairing.end_pairings("arm-1", "phone", actor=a), paired),
    "issue_link": Case(lambda w, a, _: camera_pairing.issue_link("arm-1", "phone", actor=a), phone),
    "rig_connected": Case(lambda w, a, m: rigs.rig_connected(hello=m, connection="here", actor=a), hello),
    "station_connected": Case(
        lambda w, a, m: stations.station_connected(hello=m, connection="here", actor=a), station_hello
    ),
    "ask_station": Case(lambda w, a, s: async_to_sync(station_asks.ask_station)(s, "kinds", actor=a), away, "offline"),
    "read_rig": Case(lambda w, a, s: station_rigs.read_rig(station=s, name="arm-9", actor=a), away, "offline"),
    "check_text": Case(lambda w, a, s: station_rigs.check_text(station=s, text="", actor=a), away, "offline"),
    "save_rig": Case(
        lambda w, a, s: station_rigs.save_rig(station=s, text=RIG_FILE, version=None, name=None, actor=a),
        away,
        "offline",
    ),
    "order_rig": Case(
        lambda w, a, s: station_rigs.order_rig(station=s, name="arm-9", order="stop", actor=a), away, "offline"
    ),
    "remove_rig": Case(lambda w, a, s: station_rigs.remove_rig(station=s, name="arm-9", actor=a), away, "offline"),
    "forget_station": Case(lambda w, a, s: stations.forget_station(name=s.name, actor=a), away),
    "forget_rig": Case(lambda w, a, s: station_rigs.forget_rig(name="arm-9", actor=a), away),
    "index_take": Case(lambda w, a, take: takes.index_take(take_id=take, actor=a), take_folder),
}


def everything(world: World, bells: list[Any]) -> tuple[Any, ...]:
    """All rows, all files with their bytes, and all messages to workers."""
    models = apps.get_app_config("recorder").get_models()
    rows = {model.__name__: list(model.objects.order_by("pk").values()) for model in models}
    files = {path: path.read_bytes() if path.is_file() else b"" for path in world.home.rglob("*")}
    return rows, files, list(bells)


def cases() -> list[Any]:
    """Those that command a rig run on a coroutine, which closes the connection: they need rows that are committed."""
    far = pytest.mark.django_db(transaction=True)
    return [pytest.param(name, marks=[far] if case.ends == "offline" else []) for name, case in CASES.items()]


@pytest.mark.parametrize("name", cases())
def test_a_service_changes_nothing_for_one_who_may_not(
    name: str, world: World, bells: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    call, before, ends = CASES[name]
    given = before(world)
    known = everything(world, bells)
    with monkeypatch.context() as patch:
        patch.setattr(permissions, "allows", lambda *_: False)
        with pytest.raises(Refused) as refused:
            call(world, OLGA, given)
        assert (refused.value.code, refused.value.status) == ("forbidden", 403)
        assert everything(world, bells) == known
    # The same call does its work for one who may: so it was the rule that refused it.
    if ends != "changed":
        with pytest.raises(Refused) as refused:
            call(world, OLGA, given)
        assert refused.value.code == ends
        return
    call(world, OLGA, given)
    assert everything(world, bells) != known


@pytest.mark.parametrize(
    ("before", "service"), [(failed_edit, operations.retry_operation), (waiting_edit, operations.cancel_operation)]
)
def test_an_edit_is_neither_tried_again_nor_cancelled_by_one_who_may_not(
    before: Any, service: Any, world: World, bells: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = before(world)
    known = everything(world, bells)
    monkeypatch.setattr(permissions, "allows", lambda *_: False)
    with pytest.raises(Refused, check=lambda refused: refused.code == "forbidden"):
        service(operation=edit, actor=OLGA)
    assert everything(world, bells) == known


def test_every_service_that_takes_an_actor_is_among_them() -> None:
    """The look at strange folders keeps a line of each that it may not adopt, as of others that it cannot."""
    assert {name for module, name in acting() if module != "recorder.catalog.unknown_folders"} == set(CASES)


def test_a_rule_may_differ_by_action(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(world)
    monkeypatch.setattr(permissions, "allows", lambda _, action, __: action != Action.JUDGE)
    verdicts.edit_episodes(episodes=[world.other], rating=5, actor=OLGA)
    for act in (
        lambda: verdicts.set_verdict(episodes=[world.other], verdict="reject", actor=OLGA),
        lambda: many.change_all(
            episodes=[world.other],
            fields_for=lambda _: {"rating": 1, "verdict": "reject"},
            actor=OLGA,
            group=uuid.uuid4(),
        ),
        lambda: revert.revert(episode=world.take, change=None, actor=OLGA),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code == "forbidden"
    world.other.refresh_from_db()
    assert (world.other.rating, world.other.verdict) == (5, "keep")
    verdicts.undo(actor=OLGA)
    with pytest.raises(Refused) as refused:
        verdicts.undo(actor=OLGA)
    assert refused.value.code == "forbidden", "a verdict is taken back by those who may give one"


def test_a_rule_may_differ_by_dataset(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    cups = other_dataset(world)
    theirs = world.make_episode(2, dataset="cups")
    monkeypatch.setattr(
        permissions, "allows", lambda _, __, target: cups.pk not in {getattr(target, "dataset_id", 0), target.pk}
    )
    for act in (
        lambda: bulk_edit.edit_many(episodes=[world.other, theirs], rating=1, actor=OLGA),
        lambda: verdicts.set_verdict(episodes=[world.other, theirs], verdict="reject", actor=OLGA),
    ):
        with pytest.raises(Refused):
            act()
    assert set(Episode.objects.filter(pk__in=[world.other.pk, theirs.pk]).values_list("rating", "verdict")) == {
        (None, "keep")
    }
    bulk_edit.edit_many(episodes=[world.other, world.take], rating=1, actor=OLGA)


def test_the_message_names_actor_action_and_target(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permissions, "allows", lambda *_: False)
    for actor, name in ((OLGA, "Olga"), (RIG, "Arm-2"), (WORKER, "The worker"), (COMMAND, "The command")):
        with pytest.raises(Refused) as refused:
            permissions.require(actor, Action.CONFIGURE_DATASET, world.cubes)
        message = refused.value.message
        assert message.startswith(f"{name} may not {Action.CONFIGURE_DATASET}") and "Cubes" in message


def test_the_api_answers_403(world: World, client: Client, django_user_model: Any, monkeypatch: Any) -> None:
    client.force_login(django_user_model.objects.create_user("olga"))
    monkeypatch.setattr(permissions, "allows", lambda *_: False)
    answer = client.patch(f"/api/episodes/{world.take.pk}", {"note": "dark"}, content_type="application/json")
    assert answer.status_code == 403 and answer.json()["error"]["code"] == "forbidden"


def test_a_patch_does_all_or_nothing(world: World, client: Client, django_user_model: Any, monkeypatch: Any) -> None:
    client.force_login(django_user_model.objects.create_user("olga"))
    monkeypatch.setattr(permissions, "allows", lambda _, action, __: action != Action.JUDGE)
    both = {"note": "dark", "verdict": "reject"}
    answer = client.patch(f"/api/episodes/{world.take.pk}", both, content_type="application/json")
    assert answer.status_code == 403 and Episode.objects.get(pk=world.take.pk).note == ""


def test_the_api_knows_a_person_from_a_program(
    world: World, client: Client, django_user_model: Any, monkeypatch: Any
) -> None:
    asked: list[Actor] = []
    monkeypatch.setattr(permissions, "allows", lambda actor, *_: asked.append(actor) is None)
    user = django_user_model.objects.create_user("olga")
    token = ApiToken.issue(user_id=user.pk, name="script")
    note = {"data": {"note": "dark"}, "content_type": "application/json"}
    bearer = {"headers": {"Authorization": f"Bearer {token}"}}
    assert client.patch(f"/api/episodes/{world.take.pk}", **note, **bearer).status_code == 200
    program = asked[-1]
    assert program == Actor("olga", ActorKind.PROGRAM, user_id=user.pk)
    client.force_login(user)
    assert client.patch(f"/api/episodes/{world.other.pk}", **note).status_code == 200
    person = asked[-1]
    assert (person.name, person.kind, person.user_id) == ("olga", ActorKind.PERSON, user.pk) and person.browser
    changes = {change.episode_id: change.browser for change in Change.objects.filter(who="olga")}
    assert changes == {world.take.pk: "", world.other.pk: person.browser}


def test_a_long_name_is_cut_to_the_column(world: World) -> None:
    long = Actor("o" * (NAME_LENGTH + 50))
    verdicts.set_verdict(episodes=[world.take], verdict="reject", actor=long)
    assert Episode.objects.get(pk=world.take.pk).reviewer == "o" * NAME_LENGTH
    assert verdicts.undo(actor=Actor("o" * (NAME_LENGTH + 50))) == [world.take]
