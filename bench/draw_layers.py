"""Draw docs/architecture.svg: the rooms and their order, from the tables that tests/test_layers.py holds.

    python bench/draw_layers.py            # write the picture
    python bench/draw_layers.py --check    # exit code 1 when the picture is out of date

`ORDER` gives the rooms, the lowest first. Where the test has `RECORDER_ROOMS`, the layers inside `recorder` are drawn
too. That table is a list in the order of the layers (a name, or several names of one layer), or a mapping from a room
to the number of its layer or to the rooms that it may import.
"""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs/architecture.svg"
NOTES = {
    "robotdata.files": "the disk: write whole, fsync, rename, lock, stay below a root",
    "robotdata.video": "frames ↔ video: encode, decode, join, cut, verify; alone imports av",
    "robotdata.capture": "robot, cameras, teleoperator; the clock and the control loop",
    "robotdata.spool": "takes on disk: rows, frames, manifest; reading and recovery",
    "robotdata.dataset": "LeRobotDataset v3.0: read, commit, edit, verify",
    "robotdata.dataset.verify": "check a dataset against its format, its rows and its videos",
    "robotdata.dataset.write": "compose a next state by references: commit, edit, copy, merge",
    "robotdata.dataset.convert": "versions v2.0 and v2.1 into v3.0, and v2.1 out again",
    "robotdata.dataset.repair": "times, numbers, tasks and statistics put right",
    "robotdata.dataset.exchange": "datasets from zip files and folders; zip files of datasets",
    "robotdata.dataset.hub": "datasets to the Hugging Face Hub, and from there",
    "robotdata.dataset.storage": "datasets to buckets (S3), and from there",
    "robotdata.lerobot_compat": "LeRobot's functions for video, for programs that call them",
    "robotdata.video.depth": "millimetres ↔ the codes that a video can hold",
    "robotdata.export": "one take → one episode: which frame goes to which row",
    "robotdata.imports": "files of other recorders → takes: HDF5, zarr, MCAP, bags, videos",
    "robotdata.quality": "measures of a take, and the flags that follow from them",
    "robotdata.rig": "the process at the robot: states, recorder, link to the web",
    "robotdata.station": "a computer's ports and cameras; keeps rig files, runs rigs",
    "robotdata.devices": "drivers with packages of their own, such as LeRobot's; loaded by name",
    "recorder": "Django app: datasets, takes, review, operations, rigs; pages and API",
    "viewer": "Django app: frames, filmstrips, signals, the player",
}
WIDTH, LEFT, BOX, GAP, NAME = 860, 62, 40, 8, 170
STYLE = """
svg { --ground: #ffffff; --line: #8a8f98; --text: #1c1f24; --quiet: #5a6069; --core: #e8f0fb; --web: #f3ecfa; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #14171b; --line: #6f7782; --text: #e8eaed; --quiet: #a7aeb8; --core: #1d2c40; --web: #2e2440; }
}
text { font: 14px system-ui, sans-serif; fill: var(--text); }
.name { font-weight: 600; }
.note { fill: var(--quiet); font-size: 13px; }
.ground { fill: var(--ground); }
.core { fill: var(--core); stroke: var(--line); }
.web { fill: var(--web); stroke: var(--line); }
.inner { fill: var(--ground); stroke: var(--line); }
.arrow { stroke: var(--line); stroke-width: 2; fill: none; }
.head { fill: var(--line); }
"""


def as_layers(table: Iterable[Any] | Mapping[str, Any]) -> list[list[str]]:
    """Return layers of room names, the lowest first, from any of the shapes that the module's docstring names."""
    if not isinstance(table, Mapping):
        return [[layer] if isinstance(layer, str) else list(layer) for layer in table]
    depths: dict[str, int] = {}

    def depth(room: str) -> int:
        if room not in depths:
            below = table[room]
            depths[room] = (
                below if isinstance(below, int) else 1 + max((depth(r) for r in below if r != room), default=-1)
            )
        return depths[room]

    numbers = sorted({depth(room) for room in table})
    return [[room for room in table if depth(room) == number] for number in numbers]


def draw_box(kind: str, x: float, y: float, width: float, height: float = BOX) -> str:
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5"/>'


def draw_text(words: str, x: float, y: float, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def draw_inner(layers: list[list[str]], y: float) -> list[str]:
    """Return the layers inside `recorder`, the highest at the top, beginning at `y`."""
    parts = []
    for place, layer in enumerate(reversed(layers)):
        top = y + place * (BOX - 4)
        width = (WIDTH - LEFT - 44 - GAP * (len(layer) - 1)) / len(layer)
        for number, room in enumerate(layer):
            x = LEFT + 12 + number * (width + GAP)
            parts.append(draw_box("inner", x, top, width, BOX - 10))
            parts.append(draw_text(room.removeprefix("recorder."), x + width / 2, top + 20, anchor="middle"))
    return parts


def draw(order: list[str], inner: list[list[str]]) -> str:
    """Return the picture as SVG: one box a room, the highest room at the top."""
    parts, y = [], 34.0
    for room in reversed(order):
        layers = inner if room == "recorder" else []
        height = BOX + (len(layers) * (BOX - 4) + 2 if layers else 0)
        kind = "core" if room.startswith("robotdata.") else "web"
        parts.append(draw_box(kind, LEFT, y, WIDTH - LEFT - 20, height))
        parts.append(draw_text(room.removeprefix("robotdata."), LEFT + 12, y + 25, "name"))
        parts.append(draw_text(NOTES.get(room, ""), LEFT + 12 + NAME, y + 25, "note"))
        parts += draw_inner(layers, y + BOX) if layers else []
        y += height + GAP
    end = y - GAP
    middle, label = (end + 34) / 2, draw_text("imports", 0, 0, "note", "middle")
    arrow = [
        f'<path class="arrow" d="M30 40 V{end - 12:g}"/>',
        f'<path class="head" d="M24 {end - 14:g} h12 l-6 12 z"/>',
        f'<g transform="translate(20 {middle:g}) rotate(-90)">{label}</g>',
    ]
    words = "A room imports only rooms below it. Blue: no framework. Violet: Django."
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 8:g}" role="img" '
        f'aria-label="{escape(words)} From the top: {", ".join(reversed(order))}.">'
    )
    ground = f'<rect class="ground" width="{WIDTH}" height="{y + 8:g}"/>'
    body = [ground, draw_text(words, LEFT, 22, "note"), *parts, *arrow]
    return "\n".join([head, f"<style>{STYLE}</style>", *body, "</svg>\n"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when it is out of date")
    check = parser.parse_args().check
    tables = runpy.run_path(str(ROOT / "tests/test_layers.py"))
    picture = draw(list(tables["ORDER"]), as_layers(tables.get("RECORDER_ROOMS", ())))
    if not check:
        PICTURE.write_text(picture)
    elif not PICTURE.is_file() or PICTURE.read_text() != picture:
        sys.stderr.write(f"{PICTURE.relative_to(ROOT)} is out of date. Run `make docs`.\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
