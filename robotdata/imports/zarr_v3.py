"""The description of an array in a zarr store of version 3, put as version 2 puts it."""

from __future__ import annotations

import sys
from typing import Any

VERSION_3 = "zarr.json"
_KINDS = {"bool": "b1"} | {f"int{bits}": f"i{bits // 8}" for bits in (8, 16, 32, 64)}
_KINDS |= {f"uint{bits}": f"u{bits // 8}" for bits in (8, 16, 32, 64)}
_KINDS |= {f"float{bits}": f"f{bits // 8}" for bits in (16, 32, 64)}
_ENDS = {"little": "<", "big": ">"}
_PACKERS = {"zstd", "gzip", "blosc", "numcodecs.zlib", "numcodecs.bz2", "numcodecs.lzma", "numcodecs.lz4"}


class Unread(Exception):
    """An array that is valid and not read; the message says why, after the name of the array."""


def as_version_2(meta: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the description as `.zarray` has it, and the names that come before the numbers of a piece.

    Raises Unread for what is not read here, and ValueError, KeyError or TypeError for an invalid description.
    """
    if not isinstance(meta, dict) or meta.get("zarr_format") != 3:
        raise ValueError("it is not of zarr version 3")
    if meta.get("node_type") == "group":
        raise Unread("it is a group of arrays")
    kind = meta["data_type"]
    if not isinstance(kind, str) or kind not in _KINDS:
        raise Unread(f"it holds {kind!r:.60}, not numbers")
    if meta.get("storage_transformers"):
        raise Unread("it is stored by transformers, which are not read")
    grid = _part(meta["chunk_grid"])
    if grid[0] != "regular":
        raise Unread(f"its pieces form a grid {grid[0]!r:.40}, which is not read")
    lead, separator = _keys(*_part(meta.get("chunk_key_encoding", "default")))
    end, compressor = _codecs([_part(each) for each in meta["codecs"]])
    described = {
        "zarr_format": 2,
        "shape": meta["shape"],
        "chunks": grid[1]["chunk_shape"],
        "dtype": f"{'|' if kind in ('bool', 'int8', 'uint8') else end}{_KINDS[kind]}",
        "order": "C",
        "compressor": compressor,
        "fill_value": meta.get("fill_value"),
        "dimension_separator": separator,
    }
    return described, lead


def _part(value: Any) -> tuple[str, dict[str, Any]]:
    """Return name and configuration of an extension point, which may be a name alone. Raises ValueError."""
    if isinstance(value, str):
        return value, {}
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise ValueError(f"{value!r:.60} has no name")
    configuration = value.get("configuration") or {}
    if not isinstance(configuration, dict):
        raise ValueError(f"the configuration of {value['name']!r:.40} is not an object")
    return value["name"], configuration


def _keys(name: str, configuration: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    """Return what comes before the numbers in the key of a piece, and what separates them."""
    if name not in ("default", "v2"):
        raise Unread(f"its pieces are named by {name!r:.40}, which is not read")
    separator = configuration.get("separator", "/" if name == "default" else ".")
    if separator not in ("/", "."):
        raise ValueError(f"its separator is {separator!r:.40}")
    return ("c",) if name == "default" else (), separator


def _codecs(codecs: list[tuple[str, dict[str, Any]]]) -> tuple[str, dict[str, Any] | None]:
    """Return the order of bytes and the one codec that packs them, as numcodecs names it."""
    names = [name for name, _ in codecs]
    if not names or names[0] != "bytes":
        unread = next((name for name in names if name != "bytes"), "nothing")
        raise Unread(f"its values go through {unread!r:.40} first, which is not read")
    end = _ENDS.get(codecs[0][1].get("endian", sys.byteorder))
    if end is None:
        raise ValueError(f"its order of bytes is {codecs[0][1]['endian']!r:.40}")
    packers = names[1:]
    if not packers:
        return end, None
    if len(packers) > 1 or packers[0] not in _PACKERS:
        listed = ", ".join(sorted(_PACKERS))
        raise Unread(f"it is packed with {', '.join(packers)!r:.80}, which is not read; one of these is: {listed}")
    return end, {"id": packers[0].removeprefix("numcodecs.")}
