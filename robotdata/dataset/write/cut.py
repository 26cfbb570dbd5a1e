"""Cut frames out of the middle of episodes: the parts become two episodes, or one with a mark. Nothing is encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from robotdata.dataset.annotations import Edit, planned_of
from robotdata.dataset.episode_list import EpisodeInfo
from robotdata.dataset.errors import EditError, NoSuchEpisode
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.base_state import check_videos
from robotdata.dataset.write.edit import EditResult
from robotdata.dataset.write.end_flags import end_flags
from robotdata.dataset.write.episode_refs import StoredRef, plan_parts
from robotdata.dataset.write.origins import ORIGIN
from robotdata.dataset.write.reshape import (
    Reshaped,
    ReshapePreview,
    copying_s,
    info_of,
    make_revision,
    size_of_dataset,
)
from robotdata.dataset.write.transfer import How, Where
from robotdata.dataset.write.transfer_preview import size_of_episodes
from robotdata.dataset.write.trims import Range, kept_ranges

Cuts = Mapping[int, Range]
"""The frames [first, end) to be cut out of each episode."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The frames [first, end) of an episode that stay, before and behind a cut."""

    before: Range
    behind: Range

    @property
    def removed(self) -> Range:
        """The frames that are really cut out."""
        return self.before[1], self.behind[0]


def cut_out(
    root: Path,
    cuts: Cuts | Callable[[DatasetFolder], Cuts],
    where: Where,
    how: How | None = None,
    before_swap: Callable[[], None] | None = None,
    *,
    seam: bool = False,
) -> EditResult:
    """Cut frames [first, end) out of each of these episodes, each of which becomes two; with `seam` it stays one.

    Then the part behind follows the one before at the next tick, and a mark "seam" in the sidecar says where. Else both
    parts have the episode's task, verdict and labels; the second one has a new UUID and says in the sidecar where
    it comes from. As with a trim, videos are cut at keyframes, so a few frames may stay of those to be cut out. Raises
    NoSuchEpisode, DatasetBusy, and EditError if a range is not inside its episode, no camera can be cut in it, or it
    has a pending trim to other frames.
    """

    def prepare(base: DatasetFolder) -> Reshaped:
        parts = parts_of_cuts(base, cuts(base) if callable(cuts) else cuts)
        refs = [ref for episode in base.episodes for ref in _refs(base, episode, parts.get(episode.index), seam=seam)]
        plan = plan_parts(base, base.features, base.fps, refs)
        removed = sum(part.removed[1] - part.removed[0] for part in parts.values())
        about = {"what": "cut", "cut": len(parts), "frames_removed": removed} | ({"seam": True} if seam else {})
        return Reshaped(plan, info_of(base), about)

    return make_revision(root, prepare, where, how, before_swap)


def parts_of_cuts(base: DatasetFolder, cuts: Mapping[int, Range]) -> dict[int, Parts]:
    """Return which frames of each episode stay. Raises NoSuchEpisode, and EditError if frames cannot be cut out."""
    if not cuts:
        raise EditError("no frames are given to be cut out; choose an episode and frames inside it")
    for number, (first, end) in cuts.items():
        if type(number) is not int or not 0 <= number < len(base.episodes):
            raise NoSuchEpisode(base.root, number, len(base.episodes))
        length = base.episode(number).length
        if not (type(first) is int and type(end) is int and 0 < first < end < length):
            raise EditError(
                f"frames {first} to {end - 1} cannot be cut out of {base.episode(number).name}, which has frames 0 to "
                f"{length - 1}: choose frames inside it, or trim it to cut off its beginning or end"
            )
        trim = planned_of(base.episode(number).extra).get("trim", [first, end])
        if trim != [first, end]:  # a trim to the same frames is how the page marks them
            raise EditError(
                f"{base.episode(number).name} has a trim to frames {trim[0]} to {trim[1] - 1} that is not applied "
                "yet, and a cut of other frames would discard it: apply the trim first, or remove it"
            )
    check_videos(base, Edit(trims=dict(cuts)))
    before = kept_ranges(base, {n: (0, first) for n, (first, _) in cuts.items()})
    behind = kept_ranges(base, {n: (end, base.episode(n).length) for n, (_, end) in cuts.items()})
    for number, (first, end) in cuts.items():
        if before[number][1] >= behind[number][0]:
            raise EditError(
                f"frames {first} to {end - 1} cannot be cut out of {base.episode(number).name} without encoding: its "
                f"videos have no keyframe in them, the next one before is at frame {behind[number][0]}. Cut out more "
                "frames, or re-encode its cameras with a smaller distance of keyframes first"
            )
    return {number: Parts(before[number], behind[number]) for number in cuts}


def preview_cut(base: DatasetFolder, cuts: Mapping[int, Range], *, seam: bool = False) -> ReshapePreview:
    """Return what the cuts would do, and where they really lie. Raises as `cut_out`, and VideoError."""
    parts = parts_of_cuts(base, cuts)
    notes, removed, saved = [], 0, 0.0
    for number, part in parts.items():
        (first, end), episode = part.removed, base.episode(number)
        removed += end - first
        saved += size_of_episodes(base, [episode]) * (end - first) / episode.length
        sizes = f"{part.before[1]} and {episode.length - end}"
        name = f"E{episode.name[1:]}"
        text = f"{name} becomes two, of {sizes} frames."
        if seam:
            text = f"{name} stays one, of {sizes} frames; a mark says where they meet."
        if (first, end) != tuple(cuts[number]):
            kept = cuts[number][1] - cuts[number][0] - (end - first)
            text += f" Frames {first} to {end - 1} are cut out: {kept} fewer, because videos are cut at keyframes."
        notes.append(text)
    if seam:
        notes.append("Pictures and joints jump at the seam: for training, two episodes are the safer choice.")
    elif ends := end_flags(base.features):
        notes.append(f"{', '.join(ends)} stays in the last row of the second part; the first part ends without it.")
    changed = size_of_episodes(base, [base.episode(number) for number in parts])
    count = len(base.episodes) + (0 if seam else len(parts))
    size = round(size_of_dataset(base) - saved)
    return ReshapePreview(count, base.total_frames - removed, size, 0, copying_s(changed), notes)


def _refs(base: DatasetFolder, episode: EpisodeInfo, parts: Parts | None, *, seam: bool) -> Iterator[StoredRef]:
    if parts is None:
        yield StoredRef(episode)
        return
    if seam:
        yield StoredRef(episode, (0, episode.length), gap=parts.removed)
        return
    yield StoredRef(episode, parts.before)
    first, end = parts.behind
    origin = {"dataset": base.root.name, "episode": episode.index, "uuid": episode.uuid, "frames": [first, end]}
    yield StoredRef(episode, parts.behind, entry={**episode.extra, "uuid": str(uuid4()), ORIGIN: origin})
