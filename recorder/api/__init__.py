"""`/api/`: all that the pages do, for programs. One error shape, bounded inputs, pages by cursor."""

from __future__ import annotations

from recorder.api import batches, datasets, episodes, rigs, sessions, unopened
from recorder.api.app import Api

api = Api()
api.add_router("", rigs.router)
api.add_router("", sessions.router)
api.add_router("", datasets.router)
api.add_router("", episodes.router)
api.add_router("", batches.router)
api.add_router("", unopened.router)

__all__ = ["api"]
