"""DatasetError            whatever the dataset room cannot do
├─ NotADataset          the folder holds no LeRobotDataset v3.0
│  ├─ OldVersion        it holds one of an older version; says which
│  └─ Unfinished        its recording was ended before it was written; says what is left
├─ DamagedFile          a file of the dataset that cannot be read; says which and why
├─ UnsafePath           a path that leads out of the dataset, or a template that is none
├─ FeatureError         features that LeRobot could not read; says which
├─ FeaturesDiffer       what is to be added does not fit; lists the differences
├─ NoSuchEpisode        an episode number that is not there; also an IndexError
├─ DatasetBusy          another process is changing the dataset; says which
└─ CommitError          the next state could not be made; the dataset is as it was
   └─ EditError         the same for an edit
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a rig and a dataset differ, in words: `rig` and `dataset` are what each has."""

    what: str
    rig: str
    dataset: str


class DatasetError(Exception):
    """Whatever the dataset room cannot do; the message says what, where and what to do next."""


class NotADataset(DatasetError):
    def __init__(self, root: Path, why: str) -> None:
        super().__init__(f"{root} is not a LeRobotDataset v3.0: {why}")
        self.root = root


class OldVersion(NotADataset):
    def __init__(self, root: Path, version: str) -> None:
        super().__init__(root, f"it has version {version}; convert it to v3.0 with LeRobot's converter first")
        self.version = version


class Unfinished(NotADataset):
    """`whole` is the number of videos that can still be played."""

    def __init__(self, root: Path, left: str, *, whole: int) -> None:
        keep = "Copy the videos if you need them, then delete" if whole else "Delete"
        why = f"its recorder was stopped before it wrote the table of episodes: {left}. {keep} it and record again"
        super().__init__(root, why)
        self.whole = whole


class DamagedFile(DatasetError):
    def __init__(self, path: Path, why: object) -> None:
        super().__init__(f"{path} cannot be read: {why}; download it again or restore it from a backup")
        self.path = path


class UnsafePath(DatasetError):
    pass


class FeatureError(DatasetError):
    pass


class FeaturesDiffer(DatasetError):
    def __init__(self, root: Path, differences: Sequence[Difference]) -> None:
        words = "; ".join(f"{d.what}: {d.rig} here, {d.dataset} in the dataset" for d in differences)
        super().__init__(f"cannot add to {root}: {words}. Record into another dataset, or edit the rig file")
        self.differences = list(differences)


class NoSuchEpisode(DatasetError, IndexError):
    def __init__(self, root: Path, index: object, count: int) -> None:
        has = f"episodes 0 to {count - 1}" if count else "no episodes"
        super().__init__(f"{root} has {has}, not {index}")


class DatasetBusy(DatasetError):
    def __init__(self, root: Path, holder: str) -> None:
        super().__init__(f"{root} is being changed by {holder}; try again when that has finished")
        self.holder = holder


class CommitError(DatasetError):
    """`reasons` says, by the UUID of each new episode that alone is to blame, what is wrong with it: without these
    episodes the others can be committed.
    """

    def __init__(self, message: str, reasons: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reasons = dict(reasons or {})


class EditError(CommitError):
    pass
