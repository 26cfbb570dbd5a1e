"""Episodes: list, read, review, edit, undo; and the trash."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router

from recorder.api import lookups
from recorder.api.auth import actor_of
from recorder.api.change_schemas import (
    ChangedEpisodes,
    ChangeOut,
    CutTakeIn,
    CutTakeOut,
    EditIn,
    RevertIn,
    UndoIn,
    VerdictIn,
    VerdictOut,
)
from recorder.api.paging import Limit, Page, newest_first
from recorder.api.schemas import (
    ERRORS,
    EpisodeOut,
    EpisodePatch,
    Slug,
    Task,
    VerdictName,
)
from recorder.api.trash_schemas import FreedOut, TrashEmptyIn, TrashOut
from recorder.api.versions import version_of
from recorder.browse.reach import Reach, find_reaching
from recorder.errors import Refused
from recorder.models import Change, Episode
from recorder.models.episode import EpisodeQuerySet
from recorder.models.numbers import MAX_NUMBER
from recorder.models.permissions import require_changes
from recorder.models.states import EpisodeState
from recorder.review.bulk_edit import edit_many
from recorder.review.cut_take import cut_take
from recorder.review.revert import revert
from recorder.review.trash import empty_trash, restore, trash_summary
from recorder.review.verdicts import edit_episodes, history, set_verdict, undo_some

router = Router(tags=["episodes"])


@router.get("/episodes", response={200: Page[EpisodeOut], **ERRORS})
def list_episodes(
    request: HttpRequest,
    dataset: Annotated[Slug | None, Query()] = None,
    number: Annotated[int | None, Query(ge=1, le=MAX_NUMBER)] = None,
    session: UUID | None = None,
    state: EpisodeState | None = None,
    verdict: VerdictName | None = None,
    task: Annotated[Task | None, Query()] = None,
    reach: Annotated[str | None, Query(max_length=300)] = None,
    limit: Limit = 100,
    after: UUID | None = None,
) -> dict[str, Any]:
    """List episodes, newest first. `task` matches the whole text, `number` is the one in each dataset.

    `reach` is a range of a joint of the `dataset`, `feature/joint:low..high`: the episodes in which it was there.
    """
    conditions = {
        "dataset__slug": dataset,
        "number": number,
        "session": session,
        "state": state,
        "verdict": verdict,
        "task": task,
    }
    rows = (
        Episode.objects.select_related("dataset", "rig")
        .filter(dataset__trashed_at=None)
        .filter(**{name: value for name, value in conditions.items() if value is not None})
    )
    if reach is not None:
        rows = _that_reach(rows, reach, dataset)
    return newest_first(rows, "recorded_at", limit=limit, after=after)


def _that_reach(rows: EpisodeQuerySet, reach: str, slug: str | None) -> EpisodeQuerySet:
    """Return those of `rows` that reach the range.

    Raise Refused (404 no such dataset, 409 not all of them could be looked at, 422 no range).
    """
    wanted = Reach.read(reach)
    if slug is None or wanted is None:
        message = "reach: want feature/joint:low..high with numbers for low and high, and a dataset beside it."
        raise Refused("invalid", message, 422)
    dataset = lookups.dataset_of(slug)
    reached = find_reaching(rows, dataset, wanted)
    reached.refuse_gaps(dataset)
    return reached.narrow(rows)


@router.post("/episodes/verdict", response={200: VerdictOut, **ERRORS})
def judge_episodes(request: HttpRequest, body: VerdictIn) -> dict[str, Any]:
    """Set one verdict for several episodes; undone in one step."""
    episodes = lookups.episodes_of(body.episodes)
    versions = _versions(body.versions)
    group = set_verdict(
        episodes=episodes, verdict=body.verdict, actor=actor_of(request), versions=versions, group=body.group
    )
    return {"group": group, "episodes": len(episodes)}


@router.post("/episodes/edit", response={200: VerdictOut, **ERRORS})
def edit_episodes_at_once(request: HttpRequest, body: EditIn) -> dict[str, Any]:
    """Edit several episodes at once; undone in one step."""
    episodes = lookups.episodes_of(body.episodes)
    arguments = body.model_dump(exclude={"episodes", "versions"}, exclude_unset=True)
    if arguments.get("task") is None:
        arguments.pop("task", None)
    group = edit_many(episodes=episodes, actor=actor_of(request), versions=_versions(body.versions), **arguments)
    return {"group": group, "episodes": len(episodes)}


@router.get("/episodes/{episode_id}", response={200: EpisodeOut, **ERRORS})
def get_episode(request: HttpRequest, episode_id: UUID) -> Episode:
    """Return one episode."""
    return lookups.episode_of(episode_id)


@router.patch("/episodes/{episode_id}", response={200: EpisodeOut, **ERRORS})
def patch_episode(request: HttpRequest, episode_id: UUID, body: EpisodePatch) -> Episode:
    """Change the fields given; null clears a rating, a trim or the language."""
    episode = lookups.episode_of(episode_id)
    values = body.model_dump(exclude_unset=True)
    version, own = version_of(values.pop("version", None)), values.pop("own", False)
    fields = {
        name: value for name, value in values.items() if value is not None or name in {"rating", "trim", "language"}
    }
    if "trim" in fields:
        fields["trim_first"], fields["trim_end"] = fields.pop("trim") or (None, None)
    actor = actor_of(request)
    require_changes(actor, fields, episode)  # before any change: all fields or none
    verdict = fields.pop("verdict", None)
    if fields:
        edit_episodes(episodes=[episode], actor=actor, version=version, own=own, **fields)
        version = version and episode.updated_at
    if verdict is not None:
        set_verdict(episodes=[episode], verdict=verdict, actor=actor, version=version, own=own)
    return _with_version_of(episode)


@router.get("/episodes/{episode_id}/history", response={200: list[ChangeOut], **ERRORS})
def episode_history(request: HttpRequest, episode_id: UUID) -> list[Change]:
    """List the newest thousand changes of an episode, newest first."""
    return list(history(episode=lookups.episode_of(episode_id))[:1000])


@router.post("/episodes/{episode_id}/revert", response={200: EpisodeOut, **ERRORS})
def revert_episode(request: HttpRequest, episode_id: UUID, body: RevertIn) -> Episode:
    """Restore an episode to its state after an earlier change. This is a change itself and can be undone."""
    episode = lookups.episode_of(episode_id)
    version = version_of(body.version)
    revert(episode=episode, change=body.change, actor=actor_of(request), version=version, own=body.own)
    return _with_version_of(episode)


@router.post("/episodes/{episode_id}/cut", response={200: CutTakeOut, **ERRORS})
def cut_out_of_take(request: HttpRequest, episode_id: UUID, body: CutTakeIn) -> dict[str, Any]:
    """Cut frames out of the middle of a take, which becomes two; undone in one step. See the dataset's for episodes."""
    made = cut_take(
        episode=lookups.episode_of(episode_id),
        first=body.first,
        end=body.end,
        actor=actor_of(request),
        version=version_of(body.version),
        own=body.own,
    )
    return {"id": made.episode.pk, "number": made.episode.number, "group": made.group}


@router.post("/undo", response={200: ChangedEpisodes, **ERRORS})
def undo_last(request: HttpRequest, body: UndoIn | None = None) -> dict[str, Any]:
    """Undo your newest change that is not undone yet. Repeat to undo earlier ones."""
    request_body = body or UndoIn()
    undone = undo_some(actor=actor_of(request), group=request_body.group, most=request_body.most)
    version = max((episode.updated_at for episode in undone.episodes), default=None)
    return {
        "episodes": [episode.pk for episode in undone.episodes],
        "version": version.isoformat() if version else "",
        "group": undone.group,
        "left": undone.left,
    }


@router.post("/episodes/{episode_id}/restore", response={200: EpisodeOut, **ERRORS})
def restore_episode(request: HttpRequest, episode_id: UUID) -> Episode:
    """Restore a take from the trash; it is to review again."""
    episode = lookups.episode_of(episode_id)
    restore(episodes=[episode], actor=actor_of(request))
    return _with_version_of(episode)


@router.get("/trash", response={200: TrashOut, **ERRORS})
def get_trash(request: HttpRequest) -> dict[str, Any]:
    """Count the takes in the trash and their size in bytes."""
    return dict(trash_summary())


@router.post("/trash/empty", response={200: FreedOut, **ERRORS})
def empty(request: HttpRequest, body: TrashEmptyIn) -> dict[str, Any]:
    """Delete takes in the trash permanently: those given, all, or all older than `older_than_days`."""
    episodes = None if body.episodes is None else lookups.episodes_of(body.episodes)
    older_than = None if body.older_than_days is None else timedelta(days=body.older_than_days)
    return {
        "freed_bytes": empty_trash(episodes=episodes, older_than=older_than, most=body.most, actor=actor_of(request))
    }


def _with_version_of(changed: Episode) -> Episode:
    """Return the episode under the version this change left, so that later changes by others still conflict."""
    current = lookups.episode_of(changed.pk)
    current.updated_at = changed.updated_at
    return current


def _versions(versions: dict[UUID, str]) -> dict[UUID, datetime]:
    return {pk: read_at for pk, version in versions.items() if (read_at := version_of(version)) is not None}
