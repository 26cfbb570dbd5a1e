"""The changes of time and pictures in `robotdata edit`: reorder, cut, reencode, drop-frames, to-videos, to-images."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recorder.errors import Refused
from recorder.jobs.encode_settings import encode_settings
from recorder.jobs.reencoding import PREFIX
from recorder.management.edit_words import EPISODES, episode_numbers, frame_range, indices_of
from robotdata.dataset.errors import EditError
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.cut import cut_out, preview_cut
from robotdata.dataset.write.edit import EditResult
from robotdata.dataset.write.pictures import pictures_to_videos, preview_pictures, videos_to_pictures
from robotdata.dataset.write.reencode import Aside, preview_reencode, reencode_cameras
from robotdata.dataset.write.reorder import BY, order_by, preview_reorder, reorder_episodes
from robotdata.dataset.write.reshape import ReshapePreview
from robotdata.dataset.write.retime import drop_frames, preview_drop_frames
from robotdata.dataset.write.transfer import How, Where
from robotdata.files.trees import remove_tree
from robotdata.numbers import extent, size, span
from robotdata.video.codecs import EncodeSettings
from robotdata.video.errors import VideoError

Add = Callable[[str, str], ArgumentParser]
Say = Callable[[str], None]
Run = Callable[[DatasetFolder, Path, dict[str, Any], Where, How], EditResult]


def add_arguments(add: Add) -> None:
    """Add a subcommand for each change of time and pictures."""
    sub = add("reorder", "put the episodes into another order")
    sub.add_argument("order", help=f"{', '.join(BY)}, or episodes that come first, such as 7,0-3 or '#12'")
    sub = add("cut", "cut frames out of the middle of episodes, each of which becomes two, or stays one with a mark")
    sub.add_argument("--seam", action="store_true", help="each stays one episode; a mark says where its parts meet")
    sub.add_argument("frames", type=frame_range, help="FIRST:END, such as 100:150")
    sub.add_argument("episodes", type=episode_numbers, help=EPISODES)
    sub = add("reencode", "encode cameras again: the only change, besides drop-frames, that encodes videos")
    _add_cameras(sub)
    _add_encoding(sub)
    sub.add_argument("--size", type=_size, metavar="WIDTHxHEIGHT", help="another size in pixels, such as 320x240")
    sub = add("drop-frames", "keep one of so many frames, at a lower fps")
    sub.add_argument("keep_one_of", type=int, help="2 keeps every second frame")
    _add_encoding(sub)
    sub = add("to-videos", "encode cameras whose images are in the rows as videos")
    _add_cameras(sub)
    _add_encoding(sub)
    _add_cameras(add("to-images", "write the frames of cameras as PNG into the rows, instead of their videos"))


def change_shape(say: Say, root: Path, options: dict[str, Any], where: Where, how: How) -> None:
    """Make the change, or with `dry_run` say what it would be. Raises DatasetError."""
    base = DatasetFolder.open(root)
    preview, run = _CHANGES[options["change"]]
    try:
        _say_preview(say, preview(base, options))
        if options["dry_run"]:
            return
        result = run(base, root, options, where, how)
    except (VideoError, Refused) as error:
        raise EditError(str(error).rstrip(".")) from error
    say(f"{root}: {extent(result.episodes, result.frames)}, revision {result.revision}")


def _say_preview(say: Say, preview: ReshapePreview) -> None:
    for note in preview.notes:
        say(note)
    encoded = f"{preview.encoded_frames} frames are encoded" if preview.encoded_frames else "no frame is encoded"
    what = f"{extent(preview.episodes, preview.frames)}, about {size(preview.size_bytes)}"
    say(f"afterwards {what}; {encoded}, about {span(preview.seconds)}")


def _order(base: DatasetFolder, options: dict[str, Any]) -> list[int]:
    if options["order"] in BY:
        return order_by(base, options["order"])
    try:
        first = indices_of(base, episode_numbers(options["order"]))
    except ArgumentTypeError as error:
        raise EditError(f"{error}, or choose {', '.join(BY)}") from error
    listed = set(first)
    return first + [number for number in range(len(base.episodes)) if number not in listed]


def _cuts(base: DatasetFolder, options: dict[str, Any]) -> dict[int, tuple[int, int]]:
    return dict.fromkeys(indices_of(base, options["episodes"]), options["frames"])


def _settings(options: dict[str, Any]) -> EncodeSettings:
    return encode_settings({name: options.get(name) for name in ("codec", "crf", "g", "preset")})


def _cameras(base: DatasetFolder, options: dict[str, Any]) -> list[str]:
    """Return the keys of the named cameras; `front` means `observation.images.front` if there is no other."""
    known = base.features
    return [name if name in known else f"observation.images.{name}" for name in options["cameras"]]


@contextmanager
def _aside(root: Path, where: Where) -> Iterator[Aside]:
    """Yield where videos are encoded; a killed command continues there when it is started again."""
    folder = where.work / f"{PREFIX}{root.resolve().name}"
    yield Aside(folder)
    remove_tree(folder)


def _run_reorder(base: DatasetFolder, root: Path, options: dict[str, Any], where: Where, how: How) -> EditResult:
    return reorder_episodes(root, lambda now: _order(now, options), where, how)


def _run_cut(base: DatasetFolder, root: Path, options: dict[str, Any], where: Where, how: How) -> EditResult:
    return cut_out(root, _cuts(base, options), where, how, seam=options["seam"])


def _run_reencode(base: DatasetFolder, root: Path, options: dict[str, Any], where: Where, how: How) -> EditResult:
    cameras, settings = _cameras(base, options), _settings(options)
    with _aside(root, where) as aside:
        return reencode_cameras(root, cameras, settings, aside, where, size=options["size"], how=how)


def _run_drop(base: DatasetFolder, root: Path, options: dict[str, Any], where: Where, how: How) -> EditResult:
    with _aside(root, where) as aside:
        return drop_frames(root, options["keep_one_of"], _settings(options), aside, where, how)


def _run_to_videos(base: DatasetFolder, root: Path, options: dict[str, Any], where: Where, how: How) -> EditResult:
    with _aside(root, where) as aside:
        return pictures_to_videos(root, _cameras(base, options), _settings(options), aside, where, how)


def _run_to_images(base: DatasetFolder, root: Path, options: dict[str, Any], where: Where, how: How) -> EditResult:
    return videos_to_pictures(root, _cameras(base, options), where, how=how)


_CHANGES: dict[str, tuple[Callable[[DatasetFolder, dict[str, Any]], ReshapePreview], Run]] = {
    "reorder": (lambda base, options: preview_reorder(base, _order(base, options)), _run_reorder),
    "cut": (lambda base, options: preview_cut(base, _cuts(base, options), seam=options["seam"]), _run_cut),
    "reencode": (
        lambda base, options: preview_reencode(base, _cameras(base, options), _settings(options), options["size"]),
        _run_reencode,
    ),
    "drop-frames": (
        lambda base, options: preview_drop_frames(base, options["keep_one_of"], _settings(options)),
        _run_drop,
    ),
    "to-videos": (
        lambda base, options: preview_pictures(base, _cameras(base, options), _settings(options)),
        _run_to_videos,
    ),
    "to-images": (lambda base, options: preview_pictures(base, _cameras(base, options), None), _run_to_images),
}
SHAPE_CHANGES = tuple(_CHANGES)
"""The names of these changes."""


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text, re.ASCII)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is not a size: write it like 320x240")
    return int(match[1]), int(match[2])


def _add_cameras(sub: ArgumentParser) -> None:
    sub.add_argument("cameras", nargs="+", help="cameras, such as front or observation.images.front")


def _add_encoding(sub: ArgumentParser) -> None:
    sub.add_argument("--codec", default="libsvtav1", help="libsvtav1 (LeRobot's), h264, hevc ...")
    sub.add_argument("--crf", type=float, default=30, help="quality; lower is better")
    sub.add_argument("--g", type=int, default=2, metavar="FRAMES", help="distance of keyframes")
    sub.add_argument("--preset", help="the encoder's preset")
