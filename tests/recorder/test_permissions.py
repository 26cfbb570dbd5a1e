"""Whoever may not do a thing is refused by the service that would do it, and nothing is changed by then."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from recorder.actor import COMMAND, NAME_LENGTH, WORKER, Actor, ActorKind
from recorder.errors import Refused
from recorder.jobs import operations
from recorder.models import ApiToken, Change, Dataset, Episode, permissions
from recorder.models.permissions import Action
from recorder.review import bulk_edit, revert, verdicts
from recorder.review import change_many as many
from tests.support.acting import acting
from tests.support.permitted_calls import CASES
from tests.support.permitted_world import (
    OLGA,
    MakeEpisode,
    World,
    failed_edit,
    judged,
    make_world,
    other_dataset,
    waiting_edit,
)

RIG = Actor("arm-2", ActorKind.RIG)
pytestmark = pytest.mark.django_db


@pytest.fixture
def world(home: Path, cubes: Dataset, make_episode: MakeEpisode) -> World:
    return make_world(home, cubes, make_episode)


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
