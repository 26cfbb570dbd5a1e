"""The database rows: an index of the folders, which are authoritative, and the state of each recording."""

from __future__ import annotations

from recorder.models.access import ApiToken, SignInCode, SignInTries
from recorder.models.dataset import Dataset, Policy
from recorder.models.episode import Change, Episode
from recorder.models.job import Job
from recorder.models.keys import UserKeys
from recorder.models.operation import Operation
from recorder.models.rig import Rig, Session
from recorder.models.station import Station
from recorder.models.totals import EpisodeTotal
from recorder.models.unopened import Unopened

__all__ = [
    "ApiToken",
    "Operation",
    "Change",
    "Dataset",
    "Episode",
    "EpisodeTotal",
    "Job",
    "Policy",
    "Rig",
    "Session",
    "SignInCode",
    "SignInTries",
    "Station",
    "Unopened",
    "UserKeys",
]
