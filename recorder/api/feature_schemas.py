"""Schemas of a change of features, words or statistics, and of its preview."""

from __future__ import annotations

from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from recorder.api.schemas import Body, Label, text
from robotdata.dataset.write.change_preview import ChangePreview
from robotdata.dataset.write.feature_change import Added, Constant, FeatureChange, FromColumn, FromLabels, Source

Key = Annotated[str, text(200, 1)]
Name = Annotated[str, text(200, 1)]
Names = Annotated[list[Name], Field(min_length=1, max_length=10_000)]
Words = Annotated[StrictStr, text(1000)]
Number = StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]
Value = StrictBool | Number | Words


class AddedIn(Body):
    """A new column from one of `value` (in every row), `column` (its values, or [first, end) of them) and `labels`.

    `labels` gives each label a value for the episodes that have it, `at` all their rows or the last one; `default` is
    for episodes that have none of them, without which such an episode is refused.
    """

    name: Key
    dtype: Annotated[str, text(16)] = ""
    names: Names | None = None
    value: Value | Annotated[list[Number], Field(min_length=1, max_length=10_000)] | None = None
    column: Key | None = None
    part: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]] | None = None
    labels: Annotated[dict[Label, Value], Field(min_length=1, max_length=100)] | None = None
    at: Literal["all", "last"] = "all"
    default: Value | None = None

    @model_validator(mode="after")
    def _one_source(self) -> AddedIn:
        if [self.value, self.column, self.labels].count(None) != 2:
            raise ValueError("give one of `value`, `column` and `labels`")
        return self

    def added(self) -> Added:
        """Return the feature as the dataset room takes it."""
        source: Source
        if self.column is not None:
            source = FromColumn(self.column, self.part)
        elif self.labels is not None:
            source = FromLabels(dict(self.labels), self.at, self.default)
        elif self.value is not None:
            source = Constant(self.value)
        return Added(self.name, source, self.dtype, self.names)


class FeaturesIn(Body):
    """What to change, all in one revision. `rename` maps old names to new ones; `names` names a feature's values.

    `statistics` computes those of the numbers again, or of `all`, which decodes frames of the cameras.
    """

    remove: Annotated[list[Key], Field(max_length=200)] = []
    rename: Annotated[dict[Key, Key], Field(max_length=200)] = {}
    add: Annotated[list[AddedIn], Field(max_length=50)] = []
    robot_type: Annotated[str, text(200)] | None = None
    names: Annotated[dict[Key, Names], Field(max_length=200)] = {}
    statistics: Literal["", "numbers", "all"] = ""

    def change(self) -> FeatureChange:
        """Return the change as the dataset room takes it."""
        return FeatureChange(
            remove=list(self.remove),
            rename=dict(self.rename),
            add=[each.added() for each in self.add],
            robot_type=self.robot_type,
            names={key: list(names) for key, names in self.names.items()},
            statistics=self.statistics,
        )


class RemovedOut(Schema):
    """A feature that would go, the bytes that it takes, and its video files. The revision before keeps them."""

    name: str
    size_bytes: int
    files: int


class AddedOut(Schema):
    """A column that would come. `episodes`: how many get each value from labels; `without` get the default."""

    name: str
    dtype: str
    shape: list[int]
    episodes: dict[str, int]
    without: int


class FeaturesPreview(Schema):
    """What would be done. `rewritten_bytes`: data files that are written again; videos never are.

    `takes`: those not in the dataset yet, which would not fit it any more. `problem`: why nothing can be done; the rest
    is then empty.
    """

    episodes: int = 0
    frames: int = 0
    removed: list[RemovedOut] = []
    renamed: dict[str, str] = {}
    added: list[AddedOut] = []
    rewritten_bytes: int = 0
    decoded_frames: int = 0
    takes: int = 0
    problem: str = ""


def preview_out(preview: ChangePreview, takes: int) -> FeaturesPreview:
    """Return a preview as the API shows it."""
    return FeaturesPreview(
        episodes=preview.episodes,
        frames=preview.frames,
        removed=[RemovedOut(name=each.name, size_bytes=each.size_bytes, files=each.files) for each in preview.removed],
        renamed=preview.renamed,
        added=[
            AddedOut(name=each.name, dtype=each.dtype, shape=each.shape, episodes=each.episodes, without=each.without)
            for each in preview.added
        ],
        rewritten_bytes=preview.rewritten_bytes,
        decoded_frames=preview.decoded_frames,
        takes=takes,
    )
