"""The guided first take: four steps, each done when it has happened, whoever did it and however."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recorder.models import Episode, Rig
from recorder.models.states import EpisodeState, Verdict


@dataclass(frozen=True, slots=True)
class FirstTake:
    """What has happened since the guide began. `take` is the take that the next step is about."""

    rig: Rig | None
    take: Episode | None
    has_rig: bool
    is_recorded: bool
    is_judged: bool
    is_encoded: bool

    @property
    def step(self) -> int:
        """Return the number of the first step that is not done, 1 to 4; 5 if all are."""
        done = (self.has_rig, self.is_recorded, self.is_judged, self.is_encoded)
        return next((number for number, each in enumerate(done, 1) if not each), 5)


def first_take(since: datetime) -> FirstTake:
    """Return how far the first take is, of what was recorded from `since` on."""
    rig = next((each for each in Rig.objects.listed().defer("features") if each.is_online), None)
    takes = Episode.objects.filter(recorded_at__gte=since).exclude(state=EpisodeState.RECORDING)
    takes = takes.select_related("dataset").order_by("recorded_at", "id")
    newest = takes.last()
    encoded = takes.filter(state=EpisodeState.ENCODED).first()
    encoding = encoded or takes.filter(state=EpisodeState.ENCODING).first()
    chosen = encoding or takes.filter(verdict=Verdict.KEEP).first()
    # While nothing is kept, the next step is to look at what nobody has judged.
    unreviewed = None if chosen else takes.filter(verdict=Verdict.UNREVIEWED).last()
    return FirstTake(
        rig=rig,
        take=chosen or unreviewed or newest,
        has_rig=rig is not None or newest is not None,
        is_recorded=newest is not None,
        is_judged=newest is not None and unreviewed is None,
        is_encoded=encoded is not None,
    )
