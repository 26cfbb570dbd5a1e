"""Files against the hashes that the sidecar keeps of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.hashes import FILES, BadHashes, FileHash, digest, recorded
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.sidecar import Sidecar
from robotdata.dataset.verify.report import Report


class HashCheck:
    """Files against their kept hashes, one after the other; what cannot be known is a note."""

    def __init__(self, sidecar: Sidecar, report: Report) -> None:
        self._report = report
        self._kept: Mapping[str, FileHash] = {}
        try:
            self._kept = recorded(sidecar)
        except BadHashes as error:
            report.add(SIDECAR, str(error))
        else:
            if sidecar.revision and FILES not in sidecar.more:
                report.note(f"{SIDECAR}: there are no hashes of the files yet; the next commit or edit adds them")

    def check(self, path: Path, episodes: list[EpisodeInfo], *, video: bool) -> None:
        if not self._kept or not path.is_file():
            return
        root = self._report.root
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        kept = self._kept.get(name)
        if kept is None:
            self._report.note(f"{name}: another program added it after the last commit; there is no hash of it")
            return
        state = path.stat()
        if state.st_size != kept.size:
            self._report.note(
                f"{name}: another program has changed it since the last commit "
                f"({kept.size} bytes then, {state.st_size} now); its hash is no longer valid"
            )
        elif digest(path) != kept.sha256:
            if video or state.st_mtime_ns == kept.modified:
                self._report.add(
                    path,
                    "its bytes differ from those that were committed, at the same length: it is damaged "
                    f"({_named(episodes)} in it); restore it from a copy of the dataset",
                )
            else:
                self._report.note(
                    f"{name}: its bytes are not those that were committed; another program has changed it since, "
                    "or a copy of it went wrong"
                )


def _named(episodes: list[EpisodeInfo]) -> str:
    numbers = sorted(episode.index for episode in episodes)
    if len(numbers) == 1:
        return f"episode {numbers[0]} is"
    return f"{len(numbers)} episodes from {numbers[0]} to {numbers[-1]} are" if numbers else "no episode is"
