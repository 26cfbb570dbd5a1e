"""What people say of an episode is the same in its row, its take's folder and its dataset's sidecar."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from recorder.models import Episode
from recorder.models.annotations import FIELDS, from_row, from_sidecar, to_row, to_sidecar
from robotdata.dataset.annotations import ANNOTATION_FIELDS
from robotdata.spool.annotation import REVIEW_FIELDS, Annotation
from robotdata.spool.facts import check_manifest
from robotdata.spool.manifest import new_curation

SPOKEN = Annotation("keep", ["good", "x"], 4, "slips", "push the cube", (3, 20))


def manifest(annotation: Annotation, ticks: int = 30) -> dict[str, Any]:
    head = {"format": "robotdata-take", "version": 1, "state": "recorded", "ticks": ticks, "fps": 30}
    curation = new_curation() | annotation.to_take()
    return {**head, "features": {}, "cameras": {}, "task": annotation.task, "curation": curation}


@pytest.mark.parametrize(
    "spoken", [SPOKEN, Annotation(task="push"), dataclasses.replace(SPOKEN, trim=None, rating=None)]
)
def test_it_goes_from_place_to_place_and_comes_back(spoken: Annotation) -> None:
    row = Episode(ticks=30, state="encoded", episode_index=0, committed_task="push", **to_row(spoken))
    assert from_row(row) == spoken
    assert Annotation.from_take(check_manifest(manifest(spoken))) == spoken
    entry = to_sidecar(spoken, row.planned)
    judged = {name: entry[name] for name in REVIEW_FIELDS}
    assert from_sidecar(entry, judged, length=30, task="push") == spoken


def test_what_is_not_planned_is_as_the_folder_has_it() -> None:
    row = Episode(ticks=30, state="encoded", episode_index=0, committed_task="push", task="push", verdict="keep")
    entry = to_sidecar(from_row(row), row.planned)
    assert entry["planned"] is None
    assert from_sidecar(entry, {}, length=30, task="push") == Annotation(task="push")
    everything = {"planned": {"trim": [0, 30]}}
    assert from_sidecar(everything, {}, length=30, task="push").trim is None


def test_a_trim_with_one_open_end_reaches_to_it() -> None:
    assert from_row(Episode(ticks=30, trim_first=5)).trim == (5, 30)
    assert from_row(Episode(ticks=30, trim_end=9)).trim == (0, 9)


def test_a_verdict_that_is_none_counts_as_not_given() -> None:
    assert Annotation.from_take({"curation": {}, "verdict": "great"}) == Annotation()
    assert Annotation.from_take({"verdict": "reject"}).verdict == "reject"


def test_a_new_field_is_known_in_every_place() -> None:
    assert {field.name for field in Episode._meta.get_fields()} >= set(FIELDS)
    assert set(ANNOTATION_FIELDS) >= set(REVIEW_FIELDS) <= new_curation().keys()
