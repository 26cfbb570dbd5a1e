"""What pages list in the order of its keys, such as cameras, keeps that order in either database."""

from __future__ import annotations

from typing import Any

from django.db import connection

from recorder.models import Dataset, Rig

CAMERAS = {"observation.images.wrist": {"shape": [1, 2, 3], "dtype": "video"}, "observation.images.top": {}, "a": {}}


def keys(value: Any) -> Any:
    return [(key, list(item)) for key, item in value.items()]


def test_features_and_status_keep_their_order(db: None) -> None:
    Dataset.objects.create(slug="cubes", title="Cubes", features=CAMERAS)
    Rig.objects.create(name="sim", features=CAMERAS, status={"inputs": CAMERAS})
    Rig.objects.update(status={"inputs": CAMERAS})
    assert keys(Dataset.objects.get().features) == keys(CAMERAS)
    assert keys(Rig.objects.get().features) == keys(Rig.objects.get().status["inputs"]) == keys(CAMERAS)
    assert keys(Rig.objects.values_list("features", flat=True)[0]) == keys(CAMERAS)


def test_a_row_of_an_earlier_release_is_read(db: None) -> None:
    Dataset.objects.create(slug="cubes", title="Cubes")
    with connection.cursor() as cursor:
        cursor.execute("""update recorder_dataset set features = '{"b": {"dtype": "video"}}'""")
    assert Dataset.objects.get().features == {"b": {"dtype": "video"}}


def test_an_empty_one_stays_one(db: None) -> None:
    Dataset.objects.create(slug="cubes", title="Cubes")
    Dataset.objects.update(features={})
    assert Dataset.objects.get().features == {}
