"""Schemas of copies, moves, splits, merges and duplicates, and of their previews."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from ninja import Schema
from pydantic import Field, model_validator

from recorder.api.schemas import Body, Slug, Task, text
from recorder.catalog.transfers import Maps
from robotdata.dataset.errors import Difference
from robotdata.dataset.write.transfer_preview import Preview

Title = Annotated[str, text(200, 1)]
Name = Annotated[str, text(200, 1)]
Ids = Annotated[list[UUID], Field(min_length=1, max_length=5000)]


class MapsIn(Body):
    """Names of the episodes' dataset that mean the same as the other's; a feature mapped to null is left out."""

    features: Annotated[dict[Name, Name | None], Field(max_length=200)] = {}
    joints: Annotated[dict[Name, Name], Field(max_length=1000)] = {}
    tasks: Annotated[dict[Task, Task], Field(max_length=1000)] = {}

    def maps(self) -> Maps:
        """Return the names as the services take them."""
        return Maps(dict(self.features), dict(self.joints), dict(self.tasks))


class CopyIn(Body):
    """Committed episodes, and the dataset that gets them: `to`, or a new one with this `title`."""

    episodes: Ids
    to: Slug | None = None
    title: Title | None = None
    move: bool = False
    maps: MapsIn = MapsIn()

    @model_validator(mode="after")
    def _one_destination(self) -> CopyIn:
        if (self.to is None) == (self.title is None):
            raise ValueError("give one of `to` (a dataset) and `title` (of a new one)")
        return self


class PartIn(Body):
    """A part of a split: its title, and a share of the episodes, these episodes, or those that match a filter.

    `filter` is a query of the dataset's page, such as `label=good&longer=3`; an empty one matches the rest.
    """

    title: Title
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    episodes: Ids | None = None
    filter: Annotated[str, text(8000)] | None = None


class SplitIn(Body):
    """Parts with shares, with lists of episodes or with filters; or `by` task or label: one part for each."""

    parts: Annotated[list[PartIn], Field(min_length=1, max_length=50)] | None = None
    by: Literal["task", "label"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> SplitIn:
        if (self.parts is None) == (self.by is None):
            raise ValueError("give one of `parts` and `by`")
        names = ("share", "episodes", "filter")
        kinds = {tuple(name for name in names if getattr(part, name) is not None) for part in self.parts or []}
        if self.parts and (len(kinds) > 1 or len(next(iter(kinds))) != 1):
            raise ValueError("give every part a `share`, every part `episodes`, or every part a `filter`")
        return self


class MergeIn(Body):
    """The datasets to be added behind this one in a new dataset with this title."""

    others: Annotated[list[Slug], Field(min_length=1, max_length=50)]
    title: Title
    maps: MapsIn = MapsIn()


class DuplicateIn(Body):
    """The title of the duplicate."""

    title: Title


class DifferenceOut(Schema):
    """What differs: of the episodes from `dataset` it is `there`, in the dataset that they would join it is `here`."""

    dataset: str
    what: str
    there: str
    here: str


class PreviewOut(Schema):
    """What would be done; nothing is done while something is `differing`. `notes` differ and do not matter.

    `emptied`: what becomes of the dataset that a move takes all episodes of; empty if some stay.
    """

    title: str
    episodes: int
    frames: int
    seconds: float
    size_bytes: int
    differing: list[DifferenceOut]
    notes: list[DifferenceOut]
    new_tasks: list[str]
    emptied: str = ""


def preview_out(title: str, preview: Preview) -> PreviewOut:
    """Return a preview as the API shows it."""
    return PreviewOut(
        title=title,
        episodes=preview.episodes,
        frames=preview.frames,
        seconds=preview.seconds,
        size_bytes=preview.size_bytes,
        differing=_listed(preview.differing),
        notes=_listed(preview.notes),
        new_tasks=preview.new_tasks[:100],
    )


def _listed(found: list[tuple[str, Difference]]) -> list[DifferenceOut]:
    return [DifferenceOut(dataset=name, what=d.what, there=d.rig, here=d.dataset) for name, d in found[:100]]
