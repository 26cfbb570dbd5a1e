"""Read a folder of videos, one of each camera, with a CSV file of the states and actions beside them."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

from robotdata.imports.csv_table import CsvTable
from robotdata.imports.errors import BadSource
from robotdata.imports.stopping import check_stop
from robotdata.imports.streams import Kind, Message, Stream, frame_ns
from robotdata.numbers import count
from robotdata.video.decode import VideoDecoder
from robotdata.video.errors import VideoError

ENDINGS = frozenset({".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".ts"})
_FROM_VIDEO = "/video/"


def is_video_folder(path: Path) -> bool:
    """Return whether a folder has one CSV file and at least one video."""
    files = [each for each in path.iterdir() if each.is_file() and not each.is_symlink()]
    endings = [each.suffix.lower() for each in files if not each.name.startswith(".")]
    return endings.count(".csv") == 1 and any(ending in ENDINGS for ending in endings)


class VideoFolder:
    """An open folder of videos with a CSV file. Raises BadSource if one of them cannot be read."""

    format = "videos with a CSV file"

    def __init__(self, path: Path) -> None:
        self.path = path
        files = sorted(each for each in path.iterdir() if each.is_file() and not each.is_symlink())
        (table,) = (each for each in files if each.suffix.lower() == ".csv" and not each.name.startswith("."))
        self._table = CsvTable(table)
        self._videos: dict[str, VideoDecoder] = {}
        try:
            for each in files:
                if each.suffix.lower() in ENDINGS and not each.name.startswith("."):
                    self._videos[f"{_FROM_VIDEO}{each.name}"] = VideoDecoder(each)
        except (VideoError, OSError) as error:
            self.close()
            raise BadSource(path, f"has a video that cannot be read: {error}") from error

    def recordings(self) -> Sequence[VideoFolderRecording]:
        """Return the one recording."""
        return [VideoFolderRecording(self.path.name, self._table, self._videos)]

    def close(self) -> None:
        """Close the videos."""
        for video in self._videos.values():
            video.close()

    def __enter__(self) -> VideoFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class VideoFolderRecording:
    """The rows of the CSV file and the frames of the videos.

    Frame n belongs to row n. Where the rows have times and a video has another number of frames, the video's own clock
    counts, from the first row on.
    """

    def __init__(self, name: str, table: CsvTable, videos: dict[str, VideoDecoder]) -> None:
        self.name, self.task = name, ""
        self.notes: list[str] = []
        self.skipped: dict[str, int] = {}
        self._table, self._videos = table, videos
        self.timed = table.times_ns is not None
        rates = {float(video.fps) for video in videos.values()}
        self.fps = 0.0 if self.timed or max(rates) / min(rates) > 1.01 else round(max(rates), 3)
        self._by_clock = {path for path, video in videos.items() if self.timed and len(video) != table.rows}
        for path in sorted(self._by_clock):
            self.notes.append(
                f"{path} has {count(len(videos[path]), 'frame')}, the CSV file {count(table.rows, 'row')}: its frames "
                "follow its own clock, from the first row on"
            )
        self.streams = [self._timed(stream) for stream in table.streams()]
        self.streams += [self._video_stream(path, video) for path, video in videos.items()]

    def messages(self, paths: Collection[str], fps: float) -> Iterator[Message]:
        """Yield rows and frames in the order of their times."""
        wanted = [path for path in paths if path in self._videos]
        parts = [self._frames(path, fps) for path in wanted]
        parts.append(self._rows([path for path in paths if path not in self._videos], fps))
        return heapq.merge(*parts, key=attrgetter("time_ns"))

    def _rows(self, paths: Sequence[str], fps: float) -> Iterator[Message]:
        for row, values in enumerate(self._table.values(paths) if paths else ()):
            for path, value in values.items():
                yield Message(path, self._row_ns(row, fps), value)

    def _frames(self, path: str, fps: float) -> Iterator[Message]:
        try:
            for number, frame in enumerate(self._videos[path].frames()):
                check_stop()
                yield Message(path, self._frame_ns(path, number, fps), frame)
        except VideoError as error:
            raise BadSource(self._table.path.parent, f"has a damaged video: {error}") from error

    def _row_ns(self, row: int, fps: float) -> int:
        times = self._table.times_ns
        return frame_ns(row, fps) if times is None else int(times[row])

    def _frame_ns(self, path: str, number: int, fps: float) -> int:
        if path not in self._by_clock:
            return self._row_ns(number, fps)
        index = self._videos[path].index
        return self._row_ns(0, fps) + round((index.time_s(number) - index.time_s(0)) * 1e9)

    def _timed(self, stream: Stream) -> Stream:
        if not stream.count or not (self.timed or self.fps):
            return stream
        first, last = self._row_ns(0, self.fps), self._row_ns(stream.count - 1, self.fps)
        return replace(stream, first_ns=first, last_ns=last)

    def _video_stream(self, path: str, video: VideoDecoder) -> Stream:
        shape = (video.index.height, video.index.width, 3)
        stream = Stream(path, Kind.PICTURE, shape, video.index.codec, len(video))
        if not len(video):
            return replace(stream, problem="it is empty")
        if not (self.timed or self.fps):
            return stream
        last = self._frame_ns(path, len(video) - 1, self.fps)
        return replace(stream, first_ns=self._frame_ns(path, 0, self.fps), last_ns=last)
