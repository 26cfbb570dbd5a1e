"""Write the video files of the next state.

Unchanged files are linked, others get copied packets, and packets of new episodes are added at the end. Nothing is
encoded here: the new videos of cameras that are encoded again are ready, one for each episode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from robotdata.dataset import stats
from robotdata.dataset.episode_list import EpisodeInfo, file_problem
from robotdata.dataset.errors import CommitError, EditError
from robotdata.dataset.features import frame_size
from robotdata.dataset.layout import Layout
from robotdata.dataset.write import episode_table
from robotdata.dataset.write.brought import brought_piece
from robotdata.dataset.write.compose_rows import FileMove, Place, plan_moves, sources_of
from robotdata.dataset.write.draft import Draft
from robotdata.dataset.write.episode_refs import New, Part, Plan, Stored
from robotdata.dataset.write.new_episode import to_blame
from robotdata.dataset.write.video_files import Piece, Placer, piece_of, write_pieces
from robotdata.files.trees import link_or_copy
from robotdata.numbers import count
from robotdata.video.errors import VideoError
from robotdata.video.index import PacketIndex


def write_videos(plan: Plan, draft: Draft, key: str) -> list[Path]:
    """Write all files of one camera, and set in each part's `row` where its frames are.

    Return the files of stored episodes. Raises EditError if a stored episode cannot be cut out, and CommitError if the
    video of a new one does not fit.
    """
    if key in plan.encoded:
        return _write_encoded(plan, draft, key)
    moves = _write_stored(plan, draft, key)
    if plan.added:
        _write_new(plan, draft, key, moves)
    return [draft.layout.video_file(key, *move.new) for move in moves if not file_problem(move.path)]


def _write_stored(plan: Plan, draft: Draft, key: str) -> list[FileMove]:
    """Link or cut the files that keep an episode, and return their moves."""
    sources = sources_of(plan, lambda episode: episode.videos[key].path if key in episode.videos else None)
    faults = {path for path in sources if file_problem(path)}

    def place_of(episode: EpisodeInfo) -> Place:
        return episode.videos[key].chunk, episode.videos[key].file

    moves = plan_moves(sources, plan, place_of, lambda part: part.trimmed, draft.chunks_size, close_up=not faults)
    for move in moves:
        if not move.stays and move.path not in faults:
            draft.video_path(key, *move.old)  # removes the link in the draft
    for move in moves:
        if not move.kept or move.path in faults:
            continue  # a missing file is left as it is: `check_videos` refuses an edit that needs it
        if not move.whole:
            starts = _cut(plan, move, key, draft.video_path(key, *move.new))
        else:
            if not move.stays:
                link_or_copy(move.path, draft.video_path(key, *move.new))
            starts = [part.old.videos[key].first_frame for part in move.kept]
        for part, start in zip(move.kept, starts, strict=True):
            _set_place(plan, part, key, move.new, start)
    return [move for move in moves if move.kept]


def _cut(plan: Plan, move: FileMove, key: str, target: Path) -> list[int]:
    """Copy the packets of the kept episodes to `target`; return where each begins in it."""
    source = piece_of(move.path)
    pieces: list[Piece] = []
    starts, frames = [], 0
    for part in move.kept:
        starts.append(frames)
        for run in part.ref.runs:
            first, length = part.old.videos[key].first_frame + run.start, len(run)
            last = pieces[-1] if pieces else None
            if last is not None and last.first_frame + last.frames == first:
                pieces[-1] = Piece(move.path, last.first_frame, last.frames + length, 0, source.index)
            else:
                if first not in source.index.key_frames:
                    raise EditError(_no_keyframe(part, key))
                pieces.append(Piece(move.path, first, length, 0, source.index))
            frames += length
    write_pieces(pieces, target, plan.fps)
    return starts


def _write_encoded(plan: Plan, draft: Draft, key: str) -> list[Path]:
    """Rewrite all files of a camera from the given video of each episode, and return them."""
    placer = Placer(plan.fps, draft.video_limit, draft.chunks_size)
    remove_videos(plan, draft, key)
    for part in plan.stored:
        piece = piece_of(plan.encoded[key][part.old.index])
        if piece.frames != part.length:
            raise CommitError(
                f"{piece.path} has {count(piece.frames, 'frame')}, episode {part.old.index} has {part.length}"
            )
        location = placer.add(piece)
        _set_place(plan, part, key, (location.chunk, location.file), location.first_frame)
    return placer.write(lambda chunk, file: draft.video_path(key, chunk, file))


def remove_videos(plan: Plan, draft: Draft, key: str) -> None:
    """Remove the draft's links to the files of a camera."""
    if plan.base is None:
        return
    layout = Layout.of(draft.root, plan.base.info)
    for episode in plan.base.episodes:
        if (span := episode.videos.get(key)) is not None:
            layout.video_file(key, span.chunk, span.file).unlink(missing_ok=True)


def _write_new(plan: Plan, draft: Draft, key: str, moves: Sequence[FileMove]) -> None:
    """Append the videos of new episodes, or the frames of episodes of other datasets."""
    placer = Placer(plan.fps, draft.video_limit, draft.chunks_size, link=not plan.imported)
    if moves:
        last = max(moves, key=lambda move: move.new)
        # Do not append to a file that is being cut: its packets would be read while it is written.
        placer.continue_file(last.path if last.stays else None, *last.new)
    for part in plan.new:
        with to_blame(part.source):
            piece = _piece(plan, part, key)
            location = placer.add(piece)
            stat = stats.from_json(part.source.camera_stats[key])
        _set_place(plan, part, key, (location.chunk, location.file), location.first_frame)
        part.row |= episode_table.stats_columns({key: stat})
    indexes: dict[Path, PacketIndex] = {}
    pieces = [(other, brought_piece(other, key, indexes)) for other in plan.brought]
    for _, group in groupby(pieces, key=lambda each: each[1].path):
        members = list(group)
        own = [piece for _, piece in members]
        places = placer.add_whole(own) if placer.takes_whole(own) else [placer.add(piece) for piece in own]
        for (other, _), location in zip(members, places, strict=True):
            _set_place(plan, other, key, (location.chunk, location.file), location.first_frame)
    placer.write(lambda chunk, file: draft.video_path(key, chunk, file))


def _piece(plan: Plan, part: New, key: str) -> Piece:
    """Return the video of a new episode. Raises CommitError if its size or length is wrong."""
    uuid = part.source.uuid
    try:
        piece = piece_of(part.source.videos[key])
    except VideoError as error:
        raise CommitError(f"episode {uuid}, camera {key}: {error}") from error
    size, expected = (piece.index.width, piece.index.height), frame_size(plan.features[key])
    if size != expected:
        raise CommitError(
            f"episode {uuid}: its video of {key} is {size[0]}x{size[1]}, "
            f"the dataset has {expected[0]}x{expected[1]}; record with the dataset's size, or into another dataset"
        )
    if plan.imported and piece.frames > part.length:
        return replace(piece, frames=part.length)
    if piece.frames != part.length:
        raise CommitError(
            f"episode {uuid} has {count(part.length, 'row')}, its video of {key} {count(piece.frames, 'frame')}; "
            "encode it again"
        )
    return piece


def _set_place(plan: Plan, part: Part, key: str, place: Place, start: int) -> None:
    """Set where the episode's frames are."""
    part.row |= {
        f"videos/{key}/chunk_index": place[0],
        f"videos/{key}/file_index": place[1],
        f"videos/{key}/from_timestamp": start / plan.fps,
        f"videos/{key}/to_timestamp": (start + part.length) / plan.fps,
    }


def _no_keyframe(part: Stored, key: str) -> str:
    """Return why a video cannot be cut before an episode, and what a person can do."""
    number = part.old.index
    if part.kept[0]:
        return f"{part.old.name} cannot be trimmed there: frame {part.kept[0]} of camera {key} is not a keyframe"
    return (
        f"{part.old.name} does not begin with a keyframe of camera {key}, so its pictures need those of episode "
        f"{number - 1} before it, and cannot be kept without them. Keep all of episode {number - 1}, or delete episode "
        f"{number} as well"
    )
