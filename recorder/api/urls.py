"""The API with all its addresses. Importing it takes as long as all of the pages (`robotdata/lazy_addresses.py`)."""

from __future__ import annotations

from recorder.api import (
    additions,
    archives,
    calibrations,
    cameras,
    dataset_trash,
    datasets,
    disk,
    episodes,
    features,
    hub,
    imports,
    language,
    operations,
    repairs,
    reshapes,
    rigs,
    sessions,
    stations,
    transfers,
    unopened,
)
from recorder.api.app import Api

api = Api()
api.add_router("", rigs.router)
api.add_router("", cameras.router)
api.add_router("", stations.router)
api.add_router("", calibrations.router)
api.add_router("", sessions.router)
api.add_router("", datasets.router)
api.add_router("", transfers.router)
api.add_router("", features.router)
api.add_router("", reshapes.router)
api.add_router("", episodes.router)
api.add_router("", language.router)
api.add_router("", imports.router)
api.add_router("", operations.router)
api.add_router("", unopened.router)
api.add_router("", additions.router)
api.add_router("", hub.router)
api.add_router("", archives.router)
api.add_router("", repairs.router)
api.add_router("", dataset_trash.router)
api.add_router("", disk.router)

urlpatterns = api.urls[0]
