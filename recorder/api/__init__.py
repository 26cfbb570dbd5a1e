"""Serve `/api/`: everything that the pages can do. One error shape, bounded inputs, cursor pagination."""

from __future__ import annotations

from recorder.api import (
    additions,
    archives,
    calibrations,
    cameras,
    datasets,
    episodes,
    imports,
    operations,
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
api.add_router("", episodes.router)
api.add_router("", imports.router)
api.add_router("", operations.router)
api.add_router("", unopened.router)
api.add_router("", additions.router)
api.add_router("", archives.router)

__all__ = ["api"]
