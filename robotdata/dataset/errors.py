"""DatasetError            base class
├─ NotADataset          the folder does not hold a LeRobotDataset v3.0
│  ├─ OldVersion        it holds one of an older version; the message names it
│  └─ Unfinished        its recorder was killed before it finished; the message says what is left
├─ DamagedFile          a file cannot be read; the message says which and why
├─ UnsafePath           a path leads out of the dataset, or a path template is invalid
├─ FeatureError         LeRobot could not read a feature; the message names it
├─ FeaturesDiffer       features do not match those of the dataset; lists the differences
├─ NoSuchEpisode        the episode does not exist; also an IndexError
├─ DatasetBusy          another process is changing the dataset; the message names it
└─ CommitError          the next state could not be built; the dataset is unchanged
   ├─ EditError         the same for an edit
   └─ ConversionError   a dataset of an older version cannot be converted; nothing was written
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Difference:
    """One property in which a rig and a dataset differ: its name, and the value of each as text."""

    what: str
    rig: str
    dataset: str


class DatasetError(Exception):
    """Base class of this room's errors. The message says what, where and what to do next."""


class NotADataset(DatasetError):
    """The folder does not hold a LeRobotDataset v3.0."""

    def __init__(self, root: Path, why: str) -> None:
        super().__init__(f"{root} is not a LeRobotDataset v3.0: {why}")
        self.root = root


class OldVersion(NotADataset):
    """The dataset has an older version."""

    def __init__(self, root: Path, version: str) -> None:
        how = "`robotdata convert`" if version.startswith(("v1.", "v2")) else "LeRobot's converters"
        super().__init__(root, f"it has version {version}; convert it to v3.0 with {how} first")
        self.version = version


class Unfinished(NotADataset):
    """A recording was killed before its dataset was finished. `whole` is the number of playable videos."""

    def __init__(self, root: Path, left: str, *, whole: int) -> None:
        keep = "Copy the videos if you need them, then delete" if whole else "Delete"
        why = f"its recorder was stopped before it wrote the table of episodes: {left}. {keep} it and record again"
        super().__init__(root, why)
        self.whole = whole


class DamagedFile(DatasetError):
    """A file of the dataset cannot be read."""

    def __init__(self, path: Path, why: object) -> None:
        super().__init__(f"{path} cannot be read: {why}; download it again or restore it from a backup")
        self.path = path


class UnsafePath(DatasetError):
    """A path leads out of the dataset, or a path template is invalid."""


class FeatureError(DatasetError):
    """LeRobot could not read a feature."""


class FeaturesDiffer(DatasetError):
    """The features do not match those of the dataset."""

    def __init__(self, root: Path, differences: Sequence[Difference]) -> None:
        listed = "; ".join(f"{d.what}: {d.rig} here, {d.dataset} in the dataset" for d in differences)
        super().__init__(f"cannot add to {root}: {listed}. Record into another dataset, or edit the rig file")
        self.differences = list(differences)


class NoSuchEpisode(DatasetError, IndexError):
    """The episode does not exist."""

    def __init__(self, root: Path, index: object, count: int) -> None:
        has = f"episodes 0 to {count - 1}" if count else "no episodes"
        super().__init__(f"{root} has {has}, not {index}")


class DatasetBusy(DatasetError):
    """Another process is changing the dataset."""

    def __init__(self, root: Path, holder: str) -> None:
        super().__init__(f"{root} is being changed by {holder}; try again when that has finished")
        self.holder = holder


class CommitError(DatasetError):
    """The next state could not be built. The dataset is unchanged.

    `reasons` maps the UUID of each new episode that caused an error to its reason. Without these episodes, the others
    can be committed.
    """

    def __init__(self, message: str, reasons: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reasons = dict(reasons or {})


class EditError(CommitError):
    """An edit could not be made. The dataset is unchanged."""


class ConversionError(CommitError):
    """A dataset of an older version cannot be converted. Nothing was written.

    `problems` maps the number of each episode that cannot be converted to the reason. Without these, if any are left,
    the others can be converted.
    """

    def __init__(self, message: str, problems: Mapping[int, str] | None = None) -> None:
        super().__init__(message)
        self.problems = dict(problems or {})
