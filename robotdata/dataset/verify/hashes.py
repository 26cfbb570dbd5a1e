"""Compare files with the hashes in the sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.episode_names import named_episodes
from robotdata.dataset.hashes import FILES, BadHashes, FileHash, digest, recorded
from robotdata.dataset.layout import SIDECAR
from robotdata.dataset.sidecar import Sidecar
from robotdata.dataset.verify.report import Report


class HashCheck:
    """Compares files with their stored hashes, one after the other. What cannot be decided is a note."""

    def __init__(self, sidecar: Sidecar, report: Report) -> None:
        self._report = report
        self._stored: Mapping[str, FileHash] = {}
        try:
            self._stored = recorded(sidecar)
        except BadHashes as error:
            report.add(SIDECAR, str(error))
        else:
            if sidecar.revision and FILES not in sidecar.more:
                report.note(f"{SIDECAR}: there are no hashes of the files yet; the next commit or edit adds them")

    def check(self, path: Path, episodes: list[EpisodeInfo], *, video: bool) -> None:
        """Check one file.

        Another content of the same size is damage in a `video` file, or if the modification time is the stored one.
        Otherwise another program may have changed the file, which is a note.
        """
        if not self._stored or not path.is_file():
            return
        root = self._report.root
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        stored = self._stored.get(name)
        if stored is None:
            self._report.note(f"{name}: another program added it after the last commit; there is no hash of it")
            return
        state = path.stat()
        if state.st_size != stored.size:
            self._report.note(
                f"{name}: another program has changed it since the last commit "
                f"({stored.size} bytes then, {state.st_size} now); its hash is no longer valid"
            )
        elif digest(path) != stored.sha256:
            if video or state.st_mtime_ns == stored.modified:
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
    """Return the affected episodes as text."""
    if not episodes:
        return "no episode is"
    named = named_episodes([each.index for each in episodes], {each.index: each.number for each in episodes})
    return f"{named} {'is' if len(episodes) == 1 else 'are'}"
