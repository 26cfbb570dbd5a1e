"""Start and preview operations that bring episodes into other datasets: copy, move, split, merge, duplicate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from recorder.actor import Actor
from recorder.catalog.datasets import free_slug
from recorder.catalog.sidecars import committed_id
from recorder.catalog.uncommitted import compared_with_takes
from recorder.errors import Refused
from recorder.jobs.operation_rows import begin_revising
from recorder.models import Dataset, Episode, Operation
from recorder.models.paths import revision_problem
from recorder.models.permissions import Action, require
from recorder.models.states import OperationType
from robotdata.dataset.errors import DatasetError
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.fit import Names
from robotdata.dataset.write.swap import is_fresh
from robotdata.dataset.write.transfer import shares
from robotdata.dataset.write.transfer_preview import Preview, emptied_note, preview_copy, preview_merge

_MOST_PARTS = 50
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where episodes go: an existing dataset, or a new one with this title."""

    dataset: Dataset | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Maps:
    """Names of the other dataset that mean the same as ours, as they are stored in an operation."""

    features: Mapping[str, str | None] = field(default_factory=dict)
    joints: Mapping[str, str] = field(default_factory=dict)
    tasks: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> Names:
        """Return the names as the dataset room takes them."""
        return Names(self.features, self.joints, self.tasks)

    def as_json(self) -> dict[str, Any]:
        """Return the names as an operation's arguments hold them."""
        return {"features": dict(self.features), "joints": dict(self.joints), "tasks": dict(self.tasks)}


def start_copy(
    *, dataset: Dataset, episodes: Sequence[Episode], to: Destination, move: bool, maps: Maps, actor: Actor
) -> Operation:
    """Start a copy of committed episodes, or a move.

    Raise Refused if one is not in the dataset, if they do not fit, or while another operation runs on either dataset.
    """
    _require(actor, dataset, to)
    preview = preview_of_copy(dataset=dataset, episodes=episodes, to=to, maps=maps)
    _refuse_differing(preview)
    into = _into(to, [str(episode.pk) for episode in episodes])
    type_ = OperationType.MOVE if move else OperationType.COPY
    return _begin(type_, dataset, actor, [into], count=len(episodes), names=maps.as_json())


def start_split(*, dataset: Dataset, parts: Sequence[tuple[str, list[str]]], actor: Actor) -> Operation:
    """Start a split into new datasets; each part is a title with the UUIDs of its episodes."""
    _require(actor, dataset, Destination())
    _check_parts(parts)
    into: list[dict[str, Any]] = []
    for title, ids in parts:
        clean, slug = free_slug(title, [part["slug"] for part in into])
        if any(part["title"].casefold() == clean.casefold() for part in into):
            raise Refused("exists", f"Two parts would be named {clean!r}: give each its own name.", 422)
        into.append({"slug": slug, "title": clean, "new": True, "episodes": ids})
    return _begin(OperationType.SPLIT, dataset, actor, into, count=sum(len(ids) for _, ids in parts))


def start_merge(*, dataset: Dataset, others: Sequence[Dataset], title: str, maps: Maps, actor: Actor) -> Operation:
    """Start a merge of `dataset` and `others` into a new dataset. Raise Refused if they do not fit."""
    _require(actor, dataset, Destination())
    _refuse_differing(preview_of_merge(dataset=dataset, others=others, maps=maps))
    into = _into(Destination(title=title), None)
    count = sum(each.total_episodes for each in (dataset, *others))
    slugs = [other.slug for other in others]
    return _begin(OperationType.MERGE, dataset, actor, [into], count=count, others=slugs, names=maps.as_json())


def start_duplicate(*, dataset: Dataset, title: str, actor: Actor) -> Operation:
    """Start a duplicate of the dataset under another title."""
    _require(actor, dataset, Destination())
    into = _into(Destination(title=title), None)
    return _begin(OperationType.DUPLICATE, dataset, actor, [into], count=dataset.total_episodes)


def preview_of_copy(*, dataset: Dataset, episodes: Sequence[Episode], to: Destination, maps: Maps) -> Preview:
    """Return what the copy would do: counts, sizes and what differs. Raise Refused if a folder cannot be read."""
    _check_committed(dataset, episodes)
    if to.dataset is not None and to.dataset.pk == dataset.pk:
        raise Refused("same", f"The episodes are in {dataset.title} already: choose another dataset.", 422)
    opened = open_folder(dataset)
    numbers = numbers_of(dataset, opened, [str(episode.pk) for episode in episodes])
    dest = None if to.dataset is None or is_fresh(to.dataset.path) else open_folder(to.dataset)
    if to.dataset is not None and (dest is None or not dest.episodes):
        preview = checked(lambda: preview_copy(opened, numbers, None, maps.names()))
        return compared_with_takes(preview, opened, to.dataset)
    return checked(lambda: preview_copy(opened, numbers, dest, maps.names()))


def emptied_by_move(dataset: Dataset, episodes: Sequence[Episode]) -> str:
    """Return what becomes of the dataset if these episodes are moved away; empty if some stay."""
    note = emptied_note(dataset.title, dataset.episodes.committed().count(), len(episodes))
    return f"{note}." if note else ""


def preview_of_split(*, dataset: Dataset, parts: Sequence[tuple[str, list[str]]]) -> list[tuple[str, Preview]]:
    """Return what each part would have."""
    _check_parts(parts)
    opened = open_folder(dataset)
    return [(title, preview_copy(opened, numbers_of(dataset, opened, ids))) for title, ids in parts]


def preview_of_merge(*, dataset: Dataset, others: Sequence[Dataset], maps: Maps) -> Preview:
    """Return what the merge would do."""
    rows = [dataset, *others]
    if len({row.pk for row in rows}) < max(2, len(rows)):
        raise Refused("same", "Merging needs two or more different datasets.", 422)
    return checked(lambda: preview_merge([open_folder(row) for row in rows], maps.names()))


def parts_by_share(dataset: Dataset, fractions: Sequence[tuple[str, float]]) -> list[tuple[str, list[str]]]:
    """Return consecutive episodes for each title by its share, as LeRobot splits. Raise Refused if one gets none."""
    ids = [str(pk) for pk in dataset.episodes.committed().order_by("episode_index").values_list("pk", flat=True)]
    keyed = {str(n): share for n, (_, share) in enumerate(fractions)}
    lists = checked(lambda: shares(len(ids), keyed))
    return [(title, [ids[at] for at in lists[str(n)]]) for n, (title, _) in enumerate(fractions)]


def parts_by_task(dataset: Dataset) -> list[tuple[str, list[str]]]:
    """Return the episodes of each task, with the task as part of the title."""
    parts: dict[str, list[str]] = {}
    rows = dataset.episodes.committed().order_by("episode_index").values_list("pk", "committed_task")
    for pk, task in rows:
        parts.setdefault(task, []).append(str(pk))
    return [(f"{dataset.title} {task}"[:200], ids) for task, ids in parts.items()]


def numbers_of(dataset: Dataset, opened: DatasetFolder, ids: Sequence[str]) -> list[int]:
    """Return the episode numbers in the folder of these UUIDs. Raise Refused if one is not there any more."""
    at = {str(committed_id(dataset, info)): info.index for info in opened.episodes}
    if missing := [each for each in ids if each not in at]:
        message = f"{len(missing)} of the episodes are no longer in {dataset.title}: reload the page and choose again."
        raise Refused("no_episode", message, 409)
    return sorted(at[each] for each in ids)


def _begin(type_: OperationType, dataset: Dataset, actor: Actor, into: list[dict[str, Any]], **more: Any) -> Operation:
    return begin_revising(type=type_, dataset=dataset, actor=actor, arguments={"into": into, **more})


def _require(actor: Actor, dataset: Dataset, to: Destination) -> None:
    """Raise Refused unless the actor may bring episodes of `dataset` there."""
    require(actor, Action.REVISE, dataset)
    if to.dataset is None:
        require(actor, Action.CREATE_DATASET)
    else:
        require(actor, Action.REVISE, to.dataset)


def _into(to: Destination, ids: list[str] | None) -> dict[str, Any]:
    """Return one destination as an operation's arguments hold it."""
    if to.dataset is None:
        title, slug = free_slug(to.title)
        return {"slug": slug, "title": title, "new": True, "episodes": ids}
    if problem := revision_problem(to.dataset.path):
        raise Refused("place", f"{to.dataset.title} cannot be changed: {problem}.")
    if Operation.objects.filter(dataset=to.dataset).changing().exists():
        raise Refused("running", f"{to.dataset.title} is being changed: try again when that has finished.")
    return {"slug": to.dataset.slug, "title": to.dataset.title, "new": False, "episodes": ids}


def _check_parts(parts: Sequence[tuple[str, list[str]]]) -> None:
    ids = [each for _, part in parts for each in part]
    if not parts or not all(part for _, part in parts):
        raise Refused("nothing", "Every part needs at least one episode.", 422)
    if len(parts) > _MOST_PARTS:
        raise Refused("many", f"A split makes at most {_MOST_PARTS} datasets, not {len(parts)}.", 422)
    if len(set(ids)) < len(ids):
        raise Refused("twice", "An episode is in two parts: put each into one.", 422)


def _check_committed(dataset: Dataset, episodes: Sequence[Episode]) -> None:
    others = [each for each in episodes if each.dataset_id != dataset.pk]
    takes = [each for each in episodes if not each.is_committed]
    if not episodes or others:
        raise Refused("no_episode", f"Choose episodes of {dataset.title}.", 422)
    if takes:
        message = (
            f"{len(takes)} of the {len(episodes)} chosen are takes that are not in the dataset yet: encode them first."
        )
        raise Refused("not_committed", message)


def _refuse_differing(preview: Preview) -> None:
    if preview.differing:
        listed = "; ".join(f"{d.what}: {d.rig} in {name}, {d.dataset} there" for name, d in preview.differing[:5])
        raise Refused("differ", f"The episodes do not fit: {listed}.", 409)


def open_folder(dataset: Dataset) -> DatasetFolder:
    """Open the dataset's folder. Raise Refused if it cannot be read."""
    return checked(lambda: DatasetFolder.open(dataset.path))


def checked(read: Callable[[], T]) -> T:
    """Return what `read` returns; its errors become Refused."""
    try:
        return read()
    except DatasetError as error:
        raise Refused("no_dataset", f"{error}.", 422) from error
    except OSError as error:
        raise Refused("disk", f"A dataset's folder cannot be read: {error.strerror}.", 503) from error
