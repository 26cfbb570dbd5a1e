"""The URLs of the recorder's pages and their fragments."""

from __future__ import annotations

from django.urls import path

from recorder.views import (
    camera,
    datasets,
    episodes,
    frames,
    home,
    imports,
    keys,
    operations,
    overview,
    record,
    rigs,
    trash,
    wall,
)

app_name = "recorder"
urlpatterns = [
    path("", home.home, name="home"),
    path("rigs/", rigs.rigs, name="rigs"),
    path("rigs/add/", rigs.rig_add, name="rig-add"),
    path("rigs/drivers/", rigs.rig_drivers, name="rig-drivers"),
    path("rigs/tiles/", home.rig_tiles, name="rig-tiles"),
    path("rigs/<str:name>/edit/", rigs.rig_edit, name="rig-edit"),
    path("rigs/<str:name>/calibrate/", rigs.rig_calibrate, name="rig-calibrate"),
    path("newest/", home.newest, name="newest"),
    path("record/", record.record_any, name="record-any"),
    path("record/<str:name>/", record.record, name="record"),
    path("record/<str:name>/takes/", record.record_takes, name="record-takes"),
    path("camera/<str:name>/<str:camera>/", camera.camera, name="camera"),
    path("camera/<str:name>/<str:camera>/join/", camera.camera_join, name="camera-join"),
    path("datasets/", datasets.datasets, name="datasets"),
    path("datasets/<str:slug>/", datasets.dataset, name="dataset"),
    path("datasets/<str:slug>/cards/", wall.wall_cards, name="dataset-cards"),
    path("datasets/<str:slug>/wall/", wall.wall, name="wall"),
    path("datasets/<str:slug>/wall/head/", wall.wall_head, name="wall-head"),
    path("datasets/<str:slug>/wall/ids/", wall.wall_ids, name="wall-ids"),
    path("datasets/<str:slug>/download/", datasets.dataset_download, name="dataset-download"),
    path("datasets/<str:slug>/figures/", datasets.dataset_figures, name="dataset-figures"),
    path("datasets/<str:slug>/operations/", datasets.dataset_operations, name="dataset-operations"),
    path("datasets/<str:slug>/planned/", datasets.dataset_planned, name="dataset-planned"),
    path("datasets/<str:slug>/remarks/", datasets.dataset_remarks, name="dataset-remarks"),
    path("datasets/<str:slug>/revisions/", datasets.dataset_revisions, name="dataset-revisions"),
    path("datasets/<str:slug>/tasks/", datasets.dataset_tasks, name="dataset-tasks"),
    path("datasets/<str:slug>/overview/", overview.dataset_overview, name="dataset-overview"),
    path("datasets/<str:slug>/frames/", frames.dataset_frames, name="dataset-frames"),
    path("episodes/<uuid:episode_id>/card/", episodes.episode_card, name="episode-card"),
    path("import/", imports.imports, name="import"),
    path("unopened/", datasets.unopened, name="unopened"),
    path("operations/", operations.operations, name="operations"),
    path("operations/count/", operations.operation_count, name="operation-count"),
    path("operations/<uuid:operation_id>/", operations.operation, name="operation"),
    path("keys/", keys.keys, name="keys"),
    path("trash/", trash.trash, name="trash"),
]
