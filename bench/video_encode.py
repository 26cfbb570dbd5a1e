"""Take to final video: ours, the encoder's own limit, and LeRobot's PNG path, in one interleaved run.

A take's frames are JPEGs, so beside the encoder's limit stands that of any program: a bare decoder of the same JPEGs
and then the bare encoder. On the clock the two may overlap; in processor time nothing can be cheaper than their sum.

python bench/video_encode.py --footage VIDEO --lerobot-python PATH
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image
from video_footage import HEIGHT, WIDTH, LeRobotSide, cost, footage, jpeg, report

from robotdata.video import EncodeSettings, encode_packets
from robotdata.video.codecs import ENCODERS, encoder_options
from robotdata.video.priority import give_up_real_time
from robotdata.video.sources import FrameConverter

CASES = {
    "av1 p12 g2 crf30": EncodeSettings(crf=30, g=2, preset=12),
    "h264 veryfast g2 crf23": EncodeSettings(codec="h264", crf=23, g=2, preset="veryfast"),
}


def limit(frames: list[av.VideoFrame], path: Path, settings: EncodeSettings) -> None:
    """The encoder fed with frames that are ready in memory: nobody is quicker."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(
            ENCODERS[settings.codec].ffmpeg_name, rate=30, options=encoder_options(settings)
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number, Fraction(1, 30)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def decode(packets: list[bytes]) -> None:
    """FFmpeg's JPEG decoder and nothing else."""
    decoder: Any = av.CodecContext.create("mjpeg", "r")
    decoder.thread_count = 1
    for packet in packets:
        decoder.decode(av.Packet(packet))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--footage", type=Path, help="a video to take frames from; a drawn scene without it")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lerobot-python", type=Path, help="an interpreter that has LeRobot")
    options = parser.parse_args()
    give_up_real_time()  # the limit as well, where this runs as root
    with tempfile.TemporaryDirectory() as name:
        report("video_encode", **measure(options, Path(name)))


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    packets = []
    for number, rgb in enumerate(footage(options.frames, options.footage)):
        packets.append(jpeg(rgb))
        if options.lerobot_python:
            Image.fromarray(rgb).save(folder / f"frame-{number:06d}.png", compress_level=1)
    converter = FrameConverter()
    ready = [converter.convert(converter.open(packet), "yuv420p") for packet in packets]
    other = LeRobotSide(options.lerobot_python) if options.lerobot_python else None
    times: dict[str, dict[str, list[list[float]]]] = {case: {} for case in CASES}
    for _ in range(options.rounds):
        for case, settings in CASES.items():
            one = times[case]
            out = folder / "v.mp4"
            one.setdefault("limit", []).append(cost(lambda: limit(ready, out, settings)))  # noqa: B023
            one.setdefault("decoder", []).append(cost(lambda: decode(packets)))
            one.setdefault("ours", []).append(
                cost(lambda: encode_packets(packets, out, fps=30, settings=settings, overwrite=True))  # noqa: B023
            )
            if other:
                arguments = {"vcodec": settings.codec, "crf": settings.crf, "preset": settings.preset}
                one.setdefault("lerobot", []).append(
                    other.ask("encode", folder=str(folder), out=str(folder / "l.mp4"), **arguments)
                )
    if other:
        other.close()
    result = {case: summary(one, options.frames) for case, one in times.items()}
    return {"frames": options.frames, "lerobot": other.version if other else None, "cases": result}


def summary(times: dict[str, list[list[float]]], frames: int) -> dict[str, Any]:
    """Frames per second on the clock, milliseconds of a core a frame, and the ratios of both."""
    result: dict[str, Any] = {}
    for place, name in enumerate(("on the clock", "of all cores")):
        taken = {who: [one[place] for one in runs] for who, runs in times.items()}
        middle = {who: statistics.median(values) for who, values in taken.items()}
        ratios = {"share of limit": _ratio(taken["limit"], taken["ours"])}
        if place:
            both = [sum(pair) for pair in zip(taken["limit"], taken["decoder"], strict=True)]
            ratios["share of decode + encode"] = _ratio(both, taken["ours"])
        if "lerobot" in taken:
            ratios["times LeRobot"] = _ratio(taken["lerobot"], taken["ours"])
        unit = {who: round(frames / value, 1) for who, value in middle.items()}
        if place:
            unit = {who: round(value / frames * 1e3, 2) for who, value in middle.items()}
        result[name] = {"ms a frame" if place else "frames per second": unit, **ratios}
    return result


def _ratio(above: list[float], below: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(above, below, strict=True)), 2)


if __name__ == "__main__":
    main()
