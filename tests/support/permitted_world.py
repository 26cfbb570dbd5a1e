"""Something for every service to change, and what each needs besides, made before it is refused."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.utils import timezone

from recorder.actor import Actor
from recorder.catalog import (
    additions,
    dataset_trash,
    hub_tokens,
    language,
    reshapes,
    storage_keys,
    transfers,
)
from recorder.jobs import encoding, operation_rows, reencoding
from recorder.live import (
    camera_pairing,
    recording,
    rig_commands,
    rigs,
    stations,
)
from recorder.live.rig_messages import Hello
from recorder.live.station_messages import Hello as StationHello
from recorder.models import Dataset, Episode, Operation, Rig, Session, Station, Unopened
from recorder.models.states import OperationState, OperationType
from recorder.review import change_many as many
from recorder.review import verdicts
from recorder.worker import run
from robotdata.spool.language import Language, Remark
from tests.recorder.conftest import FRONT, H264, work, write_take

MakeEpisode = Callable[..., Episode]
OLGA = Actor("olga", browser="one", user_id=7)


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


def make_world(home: Path, cubes: Dataset, make_episode: MakeEpisode) -> World:
    take, other = make_episode(4, verdict="unreviewed"), make_episode(2)
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


def own_keys(world: World) -> None:
    account(world)
    storage_keys.keep_keys(key="k", secret="s", actor=OLGA)


def waiting_edit(world: World) -> Operation:
    return Operation.objects.create(dataset=world.cubes, type=OperationType.EDIT, state=OperationState.RUNNING)


def conversion(_: World) -> Operation:
    new = Dataset.objects.create(slug="old-v30", title="old (v3.0)")
    return Operation.objects.create(dataset=new, type=OperationType.CONVERT, state=OperationState.RUNNING)


def old_folder(_: World) -> Unopened:
    return Unopened.objects.create(kind="dataset", name="old", remedy="convert")


def broken_folder(_: World) -> Unopened:
    return Unopened.objects.create(kind="dataset", name="broken", remedy="repair")


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


def remark(cups: Dataset, actor: Actor) -> Operation:
    episode = cups.episodes.committed().first()
    assert episode is not None
    said = Language(remarks=(Remark(0, "go"),))
    return language.start_language(episode=episode, language=said, actor=actor)


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
