"""Start and preview changes of a dataset's time and pictures: new order, cut, re-encode, fps, videos and images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from django.conf import settings as django_settings

from recorder.actor import Actor
from recorder.catalog.cut_frames import check_frames, frames_of
from recorder.catalog.feature_changes import takes_outside
from recorder.catalog.sidecars import committed_id
from recorder.errors import Refused
from recorder.jobs.encode_settings import encode_settings
from recorder.jobs.operation_rows import begin_revising
from recorder.models import Dataset, Episode, Operation
from recorder.models.permissions import Action, require
from recorder.models.states import OperationType
from robotdata.dataset.errors import DatasetError, EditError
from robotdata.dataset.reader import DatasetFolder
from robotdata.dataset.write.cut import preview_cut
from robotdata.dataset.write.pictures import preview_pictures
from robotdata.dataset.write.reencode import preview_reencode
from robotdata.dataset.write.reorder import BY, order_by, preview_reorder
from robotdata.dataset.write.reshape import ReshapePreview
from robotdata.dataset.write.retime import preview_drop_frames
from robotdata.numbers import frame_range
from robotdata.video import EncodeSettings
from robotdata.video.errors import VideoError

T = TypeVar("T")
_BY_WORDS = {"recorded": "by time of recording", "task": "by task", "length": "by length"}


@dataclass(frozen=True, slots=True)
class Reshape:
    """A change of time or pictures, as an operation stores it."""

    type: OperationType
    arguments: Mapping[str, Any]


def new_order(dataset: Dataset, *, by: str = "", episodes: Sequence[Episode] = ()) -> Reshape:
    """Return a new order of all episodes: `by` one of `BY`, or `episodes` first and the others behind them."""
    if by:
        if by not in BY:
            raise Refused("invalid", f"{by!r} is not an order: choose one of {', '.join(BY)}.", 422)
        return Reshape(OperationType.REORDER, {"by": by, "summary": f"order episodes {_BY_WORDS[by]}"})
    _check_committed(dataset, episodes)
    ids = [str(episode.pk) for episode in episodes]
    if len(set(ids)) < len(ids):
        raise Refused("twice", "An episode is listed twice in the new order: list each once.", 422)
    return Reshape(OperationType.REORDER, {"episodes": ids, "summary": f"put {_counted(len(ids))} in another order"})


def cut_of(dataset: Dataset, *, episode: Episode, first: int, end: int, seam: bool = False) -> Reshape:
    """Return a cut of frames [first, end) out of the middle of an episode, which stays one with `seam`."""
    _check_committed(dataset, [episode])
    summary = f"cut {frame_range(first, end)} out of {episode.name}"
    cuts = [{"episode": str(episode.pk), "first": first, "end": end}]
    return Reshape(OperationType.CUT, {"cuts": cuts, "seam": seam, "summary": summary})


def reencode_of(
    dataset: Dataset, *, cameras: Sequence[str], encoding: Mapping[str, Any], size: tuple[int, int] | None = None
) -> Reshape:
    """Return a re-encode of cameras. `encoding` changes the dataset's own settings; `size` is (width, height)."""
    merged = _encoding(dataset, encoding)
    scaled = f" at {size[0]}x{size[1]}" if size else ""
    summary = f"encode {_names(cameras)} again as {merged.get('codec')}{scaled}"
    arguments = {"cameras": list(cameras), "encoding": merged, "size": list(size) if size else None}
    return Reshape(OperationType.REENCODE, {**arguments, "summary": summary})


def dropping_of(dataset: Dataset, *, keep_one_of: int, encoding: Mapping[str, Any]) -> Reshape:
    """Return a change of fps: one of `keep_one_of` frames stays."""
    summary = f"keep one of {keep_one_of} frames"
    arguments = {"factor": keep_one_of, "encoding": _encoding(dataset, encoding)}
    return Reshape(OperationType.DROP_FRAMES, {**arguments, "summary": summary})


def to_videos_of(dataset: Dataset, *, cameras: Sequence[str], encoding: Mapping[str, Any]) -> Reshape:
    """Return a change of cameras with images in the rows to videos."""
    arguments = {"cameras": list(cameras), "encoding": _encoding(dataset, encoding)}
    return Reshape(OperationType.TO_VIDEOS, {**arguments, "summary": f"change {_names(cameras)} to videos"})


def to_images_of(dataset: Dataset, *, cameras: Sequence[str]) -> Reshape:
    """Return a change of cameras with videos to images in the rows."""
    return Reshape(
        OperationType.TO_IMAGES, {"cameras": list(cameras), "summary": f"change {_names(cameras)} to images"}
    )


def preview_reshape(*, dataset: Dataset, change: Reshape) -> ReshapePreview:
    """Return what the change would do. Raise Refused if it cannot be done; nothing is changed."""
    arguments = change.arguments

    def preview() -> ReshapePreview:
        base = DatasetFolder.open(dataset.path)
        match change.type:
            case OperationType.REORDER:
                return preview_reorder(base, order_of(dataset, base, arguments))
            case OperationType.CUT:
                return preview_cut(base, cuts_of(dataset, base, arguments), seam=bool(arguments.get("seam")))
            case OperationType.REENCODE:
                settings = settings_of(arguments)
                return preview_reencode(base, arguments["cameras"], settings, size_of(arguments))
            case OperationType.DROP_FRAMES:
                return preview_drop_frames(base, arguments["factor"], settings_of(arguments))
            case OperationType.TO_VIDEOS:
                return preview_pictures(base, arguments["cameras"], settings_of(arguments))
        return preview_pictures(base, arguments["cameras"], None)

    found = _checked(preview)
    return replace(found, notes=[*found.notes, *_notes_on_takes(dataset, change)])


def _notes_on_takes(dataset: Dataset, change: Reshape) -> list[str]:
    """Return a sentence if takes wait that will not fit the dataset after the change, because rigs record as before."""
    resized = change.type == OperationType.REENCODE and size_of(change.arguments) is not None
    if not resized and change.type not in (OperationType.DROP_FRAMES, OperationType.TO_IMAGES):
        return []
    count = takes_outside(dataset)
    takes = f"{count} take{'' if count == 1 else 's'}"
    return [f"{takes} not in the dataset yet will not fit it any more. Encode what you keep first."] if count else []


def start_reshape(*, dataset: Dataset, change: Reshape, actor: Actor) -> Operation:
    """Start the change as an operation. Raise Refused as `preview_reshape`, or while another operation runs on it."""
    require(actor, Action.REVISE, dataset)
    preview = preview_reshape(dataset=dataset, change=change)
    if change.type == OperationType.REORDER and not preview.seconds:
        raise Refused("nothing", f"The episodes of {dataset.title} are in this order already.")
    arguments = dict(change.arguments)
    if change.type == OperationType.CUT:
        arguments["cuts"] = _checked(lambda: _of_these_frames(dataset, arguments))
    return begin_revising(type=change.type, dataset=dataset, actor=actor, arguments=arguments)


def order_of(dataset: Dataset, base: DatasetFolder, arguments: Mapping[str, Any]) -> list[int]:
    """Return the current numbers in the new order; episodes that are not listed come behind, as they were."""
    if by := arguments.get("by"):
        return order_by(base, by)
    listed = _numbers(dataset, base, arguments["episodes"])
    known = set(listed)
    return listed + [number for number in range(len(base.episodes)) if number not in known]


def cuts_of(dataset: Dataset, base: DatasetFolder, arguments: Mapping[str, Any]) -> dict[int, tuple[int, int]]:
    """Return the frames [first, end) to be cut out, by the current number of their episode.

    Raise EditError if an episode is gone, or has other frames than when the cut was started.
    """
    cuts = arguments["cuts"]
    numbers = _numbers(dataset, base, [cut["episode"] for cut in cuts])
    for number, cut in zip(numbers, cuts, strict=True):
        check_frames(base, number, cut)
    return {number: (cut["first"], cut["end"]) for number, cut in zip(numbers, cuts, strict=True)}


def _of_these_frames(dataset: Dataset, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the cuts, each with what tells the frames that its episode has now."""
    base = DatasetFolder.open(dataset.path)
    numbers = cuts_of(dataset, base, arguments)
    return [{**cut, "of": frames_of(base, number)} for number, cut in zip(numbers, arguments["cuts"], strict=True)]


def settings_of(arguments: Mapping[str, Any]) -> EncodeSettings:
    """Return the encoder's settings."""
    return encode_settings(arguments["encoding"], threads=django_settings.ENCODE_THREADS or None)


def size_of(arguments: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the width and height to scale to."""
    size = arguments.get("size")
    return (int(size[0]), int(size[1])) if size else None


def _numbers(dataset: Dataset, base: DatasetFolder, ids: Sequence[str]) -> list[int]:
    """Return the current numbers of these episodes, in their order. Raise EditError if one is gone."""
    at = {str(committed_id(dataset, each)): each.index for each in base.episodes}
    if missing := sum(each not in at for each in ids):
        raise EditError(f"{missing} of the episodes are no longer in {dataset.title}: reload the page, choose again")
    return [at[each] for each in ids]


def _encoding(dataset: Dataset, changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the dataset's encoding with changes. Raise Refused for a setting that does not exist."""
    merged = {**dataset.encoding, **{name: value for name, value in changed.items() if value is not None}}
    encode_settings(merged)
    return merged


def _check_committed(dataset: Dataset, episodes: Sequence[Episode]) -> None:
    if not episodes or any(each.dataset_id != dataset.pk for each in episodes):
        raise Refused("no_episode", f"Choose episodes of {dataset.title}.", 422)
    if takes := sum(not each.is_committed for each in episodes):
        message = (
            f"{takes} of the chosen are takes that are not in the dataset yet: trim or reject them, or encode them."
        )
        raise Refused("not_committed", message)


def _names(cameras: Sequence[str]) -> str:
    names = [key.removeprefix("observation.images.") for key in cameras]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _counted(count: int) -> str:
    return f"{count} episode{'' if count == 1 else 's'}"


def _checked(read: Callable[[], T]) -> T:
    """Return what `read` returns; errors of the folder become Refused."""
    try:
        return read()
    except (DatasetError, VideoError) as error:
        text = str(error)
        raise Refused("not_possible", f"{text[:1].upper()}{text[1:]}.", 422) from error
    except OSError as error:
        raise Refused("disk", f"The dataset's folder cannot be read: {error.strerror}.", 503) from error
