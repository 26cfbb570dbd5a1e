"""Build a dataset's next state from references to episodes. Commit, edit, copy, split and merge use it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from robotdata.dataset.features import video_keys
from robotdata.dataset.write.commit_progress import CommitProgress
from robotdata.dataset.write.compose_meta import write_meta
from robotdata.dataset.write.compose_rows import write_rows
from robotdata.dataset.write.compose_videos import remove_videos, write_videos
from robotdata.dataset.write.draft import Draft
from robotdata.dataset.write.episode_refs import Plan
from robotdata.dataset.write.next_state import Origin, Tasks, check_next


def compose(
    plan: Plan, folder: Path, info: Mapping[str, Any], made_by: Mapping[str, Any], steps: CommitProgress
) -> None:
    """Write the planned state into `folder`, read it back and compare it with the plan.

    Unchanged files are hard links to the current state; video packets are copied, never re-encoded. `info` is the
    state's `info.json` without counters; `made_by` goes into the sidecar. Raises CommitError, EditError and VideoError,
    and errors of pyarrow for columns of the wrong type.
    """
    others = {id(part.source.dataset): part.source.dataset for part in plan.brought}
    draft = Draft(folder, plan.base, dict(info), list(others.values()))
    steps.step()
    if plan.tasks.texts != (plan.base.tasks if plan.base else None):
        draft.write_tasks(plan.tasks)
    write_rows(plan, draft)
    steps.step()
    videos = {}
    for key in set(video_keys(plan.base.features) if plan.base else ()) - set(video_keys(plan.features)):
        remove_videos(plan, draft, key)
    for key in video_keys(plan.features):
        videos[key] = write_videos(plan, draft, key)
        steps.step()
    write_meta(plan, draft, made_by, videos)
    draft.add_notes(check_next(draft.root, plan.base, _origins(plan), plan.changed, _others(plan)))
    steps.step()


def _origins(plan: Plan) -> list[Origin]:
    """Return what each episode of the next state should be, for the comparison at the end."""
    origins = []
    for part in plan.stored:
        tasks = None
        if part.ref.task is not None and part.tasks is not None:
            tasks = Tasks(plan.tasks.texts, part.tasks)
        elif part.numbers is not None and plan.base is not None:
            tasks = Tasks.of(plan.base, part.numbers)
        origins.append(Origin(part.old.index, tasks))
    for added in plan.added:
        if added.tasks is not None:
            origins.append(Origin(None, Tasks(plan.tasks.texts, added.tasks), added.source.uuid))
    return origins


def _others(plan: Plan) -> list[tuple[Path, Collection[int]]]:
    """Return the other datasets of which episodes are copied, with their numbers there."""
    numbers: dict[Path, list[int]] = {}
    for part in plan.brought:
        numbers.setdefault(part.source.dataset.root, []).append(part.source.episode.index)
    return list(numbers.items())
