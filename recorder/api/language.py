"""Subtasks and remarks of an episode: read them, and set them."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field, StrictInt, StrictStr

from recorder.api import lookups
from recorder.api.auth import actor_of
from recorder.api.schemas import ERRORS, Body, Error, text
from recorder.api.versions import version_of
from recorder.catalog.language import language_of, language_version, start_language, suggested
from recorder.errors import Refused
from recorder.models import Episode
from recorder.review.change import check_editable
from recorder.review.verdicts import edit_episodes
from robotdata.spool.language import LONGEST_TEXT, MOST, Language, LanguageError

router = Router(tags=["episodes"])
Frame = Annotated[StrictInt, Field(ge=0, lt=2**31)]
Words = Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_TEXT)]


class SubtaskIO(Body):
    """What is done in the frames [first, end)."""

    first: Frame
    end: Frame
    text: Words


class RemarkIO(Body):
    """What is said at a frame, by a person (`user`) or by the robot (`assistant`)."""

    frame: Frame
    text: Words
    role: Literal["user", "assistant"] = "user"


class LanguageIn(Body):
    """All subtasks and remarks of the episode; those that are left out go.

    `version`: what GET returned; another state is not replaced (409), and nothing is without it (428). `own`: as in a
    PATCH, for takes.
    """

    subtasks: Annotated[list[SubtaskIO], Field(max_length=MOST)] = []
    remarks: Annotated[list[RemarkIO], Field(max_length=MOST)] = []
    version: Annotated[str, text(40)] | None = None
    own: bool = False


class OtherOut(Schema):
    """What another program says from a frame on; it is kept, and not edited here."""

    frame: int
    style: str
    role: str
    text: str


class LanguageOut(Schema):
    """What is said of the episode, in ticks of a take or frames of an episode in its dataset.

    `odd`: why it cannot be edited here; empty if it can. `more`: how many more `others` there are. `suggested`:
    subtasks of the dataset, the most frequent first. `version`: pass it back with a change.
    """

    subtasks: list[SubtaskIO]
    remarks: list[RemarkIO]
    others: list[OtherOut]
    more: int
    odd: str
    suggested: list[str]
    version: str


class LanguageSet(Schema):
    """The take's new version; or the operation that writes a revision of the dataset: poll it."""

    version: str = ""
    operation: UUID | None = None


@router.get("/episodes/{episode_id}/language", response={200: LanguageOut, **ERRORS})
def get_language(request: HttpRequest, episode_id: UUID) -> dict[str, Any]:
    """Return the subtasks and remarks of an episode, what other programs say of it, and suggestions."""
    episode = lookups.episode_of(episode_id)
    spoken = language_of(episode)
    said = spoken.language.as_json() or {"subtasks": [], "remarks": []}
    others = [{"frame": o.frame, "style": o.style, "role": o.role, "text": o.text} for o in spoken.others]
    more = {"others": others, "more": spoken.more, "odd": spoken.odd, "suggested": suggested(episode.dataset)}
    return {**said, **more, "version": language_version(episode, spoken)}


@router.put("/episodes/{episode_id}/language", response={200: LanguageSet, 202: LanguageSet, 428: Error, **ERRORS})
def set_language(request: HttpRequest, episode_id: UUID, body: LanguageIn) -> Status[LanguageSet]:
    """Set all subtasks and remarks: of a take at once, of an episode in its dataset as one revision."""
    episode, actor = lookups.episode_of(episode_id), actor_of(request)
    value = body.model_dump(include={"subtasks", "remarks"})
    if body.version is None:
        message = "A change replaces all subtasks and remarks: send the `version` that GET returned with them."
        raise Refused("no_version", message, 428)
    if not episode.is_committed:
        version = version_of(body.version)
        edit_episodes(episodes=[episode], actor=actor, version=version, own=body.own, language=value)
        return Status(200, LanguageSet(version=episode.updated_at.isoformat()))
    check_editable(episode)
    operation = start_language(episode=episode, language=_parsed(episode, value), actor=actor, version=body.version)
    return Status(202, LanguageSet(operation=operation.pk))


def _parsed(episode: Episode, value: dict[str, Any]) -> Language:
    try:
        return Language.parse(value, episode.ticks)
    except LanguageError as error:
        raise Refused("invalid", f"{episode}: {error}.", 422) from error
