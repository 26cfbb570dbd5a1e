"""The other side of the video benchmarks: runs LeRobot's own functions in an interpreter that has LeRobot.

Reads one JSON command a line, answers one JSON line with what it measured, in seconds.
"""

from __future__ import annotations

import importlib.machinery
import json
import os
import shutil
import sys
import time
import types
from pathlib import Path
from typing import Any

from robotdata.video.priority import give_up_real_time


def load() -> Any:
    """LeRobot's video module; a torchvision that does not load is stood in for, as none of this uses it."""
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        empty = types.ModuleType("torchvision")
        empty.__spec__ = importlib.machinery.ModuleSpec("torchvision", None)
        empty.__path__ = []
        empty.__version__ = "0"
        sys.modules["torchvision"] = empty
    import lerobot.datasets.video_utils as module

    return module


def encode(module: Any, folder: str, out: str, vcodec: str, crf: int, preset: Any) -> list[float]:
    Path(out).unlink(missing_ok=True)
    chosen = {"vcodec": vcodec, "g": 2, "crf": crf, "preset": preset}
    if hasattr(module, "RGBEncoderConfig"):  # LeRobot 0.6 and later
        chosen = {"video_encoder": module.RGBEncoderConfig(**chosen)}
    else:
        give_preset(module, preset)
    start, spent = time.perf_counter(), time.process_time()
    module.encode_video_frames(Path(folder), Path(out), 30, **chosen, overwrite=True, log_level=None)
    return [time.perf_counter() - start, time.process_time() - spent]


def give_preset(module: Any, preset: Any) -> None:
    """Versions before 0.6 pass a preset to SVT-AV1 alone; with it both sides encode with the same options."""
    options_of = getattr(module, "_get_codec_options", None)
    if options_of is not None and not hasattr(options_of, "with_preset"):
        given = {"preset": preset}

        def with_preset(*arguments: Any, **named: Any) -> dict[str, str]:
            return {**options_of(*arguments, **named), "preset": str(given["preset"])}

        with_preset.with_preset = given  # type: ignore[attr-defined]
        module._get_codec_options = with_preset
    elif options_of is not None:
        options_of.with_preset["preset"] = preset


def grow(module: Any, parts: list[str], out: str) -> float:
    """As LeRobot's writer does: after each episode the whole file again."""
    path = Path(out)
    shutil.copyfile(parts[0], path)
    start = time.perf_counter()
    for part in parts[1:]:
        module.concatenate_video_files([path, Path(part)], path)
    return time.perf_counter() - start


def frames(module: Any, path: str, numbers: list[int], fps: float) -> dict[str, list[float]]:
    """Milliseconds a frame: torchcodec's cached decoder, and LeRobot's function around it."""
    decoder = module.VideoDecoderCache().get_decoder(path)
    decoder[0]
    bare, whole = [], []
    for number in numbers:
        start = time.perf_counter()
        decoder.get_frames_at(indices=[number])
        bare.append((time.perf_counter() - start) * 1e3)
    for number in numbers[: len(numbers) // 4]:
        start = time.perf_counter()
        module.decode_video_frames(path, [number / fps], 1e-3, "torchcodec")
        whole.append((time.perf_counter() - start) * 1e3)
    return {"torchcodec": bare, "lerobot": whole}


def depth(module: Any, folder: str, scale: dict[str, Any]) -> list[str]:
    """Codes of `depth-<n>.npy`, depths of all codes, and LeRobot's own video of depth, beside them (0.6 and later)."""
    import numpy as np
    from lerobot.datasets.depth_utils import dequantize_depth

    place = Path(folder)
    for path in sorted(place.glob("depth-*.npy")):
        codes = module.quantize_depth(np.load(path), **scale, video_backend=None)
        np.save(path.with_name(path.name.replace("depth", "codes")), codes)
    codes = np.arange(4096, dtype=np.uint16).reshape(64, 64, 1)
    for unit in ("mm", "m"):
        back = dequantize_depth(codes, **scale, output_unit=unit, output_tensor=False)
        np.save(place / f"back-{unit}.npy", back)
    config = module.DepthEncoderConfig(**scale)
    module.encode_video_frames(place, place / "theirs.mp4", 30, config, overwrite=True, log_level=None)
    ours = module.decode_video_frames(place / "ours.mp4", [0.0, 1 / 30], 1e-3, "pyav", is_depth=True)
    np.save(place / "ours-read.npy", ours.numpy())
    return sorted(path.name for path in place.iterdir())


def answer(module: Any, command: dict[str, Any]) -> Any:
    import lerobot

    name = command.pop("do")
    if name == "version":
        return getattr(lerobot, "__version__", "unknown")
    return {"encode": encode, "grow": grow, "frames": frames, "depth": depth}[name](module, **command)


def main() -> None:
    # Libraries print; the answers must stay alone on standard output.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module = load()
    # As root SVT-AV1 takes real-time threads; on a machine with other work only equals can be compared.
    give_up_real_time()
    for line in sys.stdin:
        try:
            result: dict[str, Any] = {"result": answer(module, json.loads(line))}
        except Exception as error:  # noqa: BLE001 - the outermost loop: the other side shows it
            result = {"error": f"{type(error).__name__}: {error}"}
        out.write(json.dumps(result) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
