"""Schemas of imports: the mapping of streams to features, and the preview of what would come."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field

from recorder.api.schemas import Body, text
from robotdata.imports import Mapping
from robotdata.imports.preview import Preview
from robotdata.imports.streams import Stream

StreamPath = Annotated[str, text(1000, 1)]
Text = Annotated[str, text(1000)]
Rate = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
ServerPaths = Annotated[list[Annotated[str, text(4000, 1)]], Field(min_length=1, max_length=500)]


class RuleBody(Body):
    """How one feature is made: numbers of several `streams` follow each other; a camera has one stream.

    `names` are those of the values, empty for the streams' own; `dtype` is empty for float32 or the stream's own whole
    numbers; `unit` is that of the numbers, or changes it; `order` is that of the channels of raw pictures.
    """

    streams: Annotated[list[StreamPath], Field(min_length=1, max_length=4096)]
    names: Annotated[list[Annotated[str, text(1000, 1)]], Field(max_length=4096)] = []
    dtype: Literal["", "float32", "float64", "int64", "bool"] = ""
    unit: Literal["", "rad", "deg", "m", "mm", "rad_to_deg", "deg_to_rad", "m_to_mm", "mm_to_m"] = ""
    order: Literal["rgb", "bgr"] = "rgb"


class MappingBody(Body):
    """Which streams become which features, by name. `fps` 0 and an empty `task` stand for the recording's own."""

    version: Literal[1] = 1
    fps: Rate = 0.0
    robot_type: Annotated[str, text(120)] = ""
    task: Text = ""
    task_stream: Text = ""
    features: Annotated[dict[str, RuleBody], Field(max_length=200)] = {}

    def as_json(self) -> dict[str, Any]:
        """Return the mapping as it is saved."""
        return self.model_dump()

    @classmethod
    def of(cls, mapping: Mapping) -> MappingBody:
        """Return the mapping as a body."""
        return cls.model_validate(mapping.to_json())


class LookIn(Body):
    """Files of the server, or folders of them; what is said here is put into the mapping."""

    paths: ServerPaths
    mapping: MappingBody | None = None
    fps: Rate | None = None
    task: Text = ""
    robot_type: Annotated[str, text(120)] = ""


class ImportIn(Body):
    """`dataset` is a slug or a title, of a new dataset if there is none. A new text in `again` repeats an import."""

    paths: ServerPaths
    dataset: Annotated[str, text(200, 1)]
    mapping: MappingBody
    again: Annotated[str, text(100)] = ""


class MappingsOut(Schema):
    """The names of the saved mappings."""

    names: list[str]


class StreamOut(Schema):
    """A stream of the first recording. `left_out`: why it becomes no feature; empty if it does."""

    path: str
    kind: str
    shape: list[int]
    dtype: str
    count: int
    rate_hz: float
    duration_s: float
    names: list[str]
    features: list[str]
    problem: str
    left_out: str


class RecordingOut(Schema):
    """One take to be; with `problems`, it would not be imported."""

    file: str
    name: str
    rows: int
    duration_s: float
    task: str
    notes: list[str]
    problems: list[str]


class PreviewOut(Schema):
    """What files hold and what would come of them. `features` says dtype and shape by name.

    `pictures` holds the first picture of each camera as a data URI. `problems` are files that cannot be read.
    `more_files` were not opened, `more_recordings` are not listed.
    """

    format: str
    mapping: MappingBody
    streams: list[StreamOut]
    features: dict[str, str]
    pictures: dict[str, str]
    recordings: list[RecordingOut]
    problems: list[str]
    more_files: int
    more_recordings: int


def preview_out(preview: Preview) -> PreviewOut:
    """Return the preview as an answer."""
    features: dict[str, list[str]] = {}
    for name, rule in preview.mapping.features.items():
        for path in rule.streams:
            features.setdefault(path, []).append(name)
    return PreviewOut(
        format=preview.format,
        mapping=MappingBody.of(preview.mapping),
        streams=[_stream_out(each, features, preview.left_out) for each in preview.streams],
        features=preview.features,
        pictures=preview.pictures,
        recordings=[RecordingOut.model_validate(each, from_attributes=True) for each in preview.recordings],
        problems=preview.problems,
        more_files=preview.more_files,
        more_recordings=preview.more_recordings,
    )


def _stream_out(stream: Stream, features: dict[str, list[str]], left_out: dict[str, str]) -> StreamOut:
    return StreamOut(
        path=stream.path,
        kind=str(stream.kind),
        shape=list(stream.shape),
        dtype=stream.dtype,
        count=stream.count,
        rate_hz=round(stream.rate_hz, 3),
        duration_s=round((stream.last_ns - stream.first_ns) / 1e9, 3),
        names=list(stream.names),
        features=features.get(stream.path, []),
        problem=stream.problem,
        left_out=left_out.get(stream.path, ""),
    )
