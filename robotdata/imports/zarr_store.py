"""Read the files of a zarr store of version 2 or 3, in a folder or a zip file, without following anything out of it.

Only arrays of numbers are read, with codecs from a list: an array of Python objects is never unpickled.
"""

from __future__ import annotations

import bz2
import contextlib
import lzma
import math
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robotdata.files import UnsafeFile, open_beneath
from robotdata.files.plain_json import read_json
from robotdata.imports.errors import BadSource, MissingPackage
from robotdata.imports.extras import need
from robotdata.imports.stopping import check_stop
from robotdata.imports.zarr_v3 import VERSION_3, Unread, as_version_2

CODECS = frozenset({"blosc", "zlib", "gzip", "bz2", "lzma", "lz4", "zstd", "delta", "shuffle"})
PICTURE_CODECS = frozenset({"imagecodecs_jpegxl", "imagecodecs_jpeg", "imagecodecs_jpeg2k", "imagecodecs_png"})
"""Codecs of UMI's files, from the package imagecodecs, which is used where it is installed."""

DESCRIPTIONS = (".zarray", VERSION_3)
"""The file that describes an array, of version 2 and 3."""
MOST_PIECE_BYTES = 1 << 28
_MOST_META_BYTES = 4 << 20
_MOST_ARRAYS = 2_000
_FILLS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_MOST_PIECES = 10_000
"""The most pieces of one row, each of which is a file."""


class Store:
    """The files below a folder, or in a zip file, by relative path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip: zipfile.ZipFile | None = None
        if path.is_file():
            try:
                self._zip = zipfile.ZipFile(path)
            except (zipfile.BadZipFile, OSError, ValueError) as error:
                raise BadSource(path, f"cannot be read as a zip file: {error}") from error

    def close(self) -> None:
        """Close the zip file."""
        if self._zip is not None:
            self._zip.close()

    def read(self, name: str, most: int) -> bytes | None:
        """Return the content of a file, None if there is none. Raises BadSource if it is longer than `most` bytes."""
        data = self._from_zip(name, most) if self._zip is not None else self._from_folder(name, most)
        if data is not None and len(data) > most:
            raise BadSource(self.path, f"has a file {name} of more than {most:,} bytes")
        return data

    def arrays(self, group: str) -> list[str]:
        """Return the names of the arrays directly in a group, in alphabetical order."""
        if self._zip is not None:
            files = (PurePosixPath(name) for name in self._zip.namelist())
            names = {p.parts[1] for p in files if len(p.parts) == 3 and p.parts[0] == group and p.name in DESCRIPTIONS}
        else:
            folder = self.path / group
            inner = folder.iterdir() if folder.is_dir() and not folder.is_symlink() else iter(())
            names = {each.name for each in inner if not each.is_symlink() and _is_described(each)}
        if len(names) > _MOST_ARRAYS:
            raise BadSource(self.path, f"has more than {_MOST_ARRAYS:,} arrays")
        return sorted(names)

    def _from_zip(self, name: str, most: int) -> bytes | None:
        assert self._zip is not None
        try:
            with self._zip.open(name) as file:
                return file.read(most + 1)
        except KeyError:
            return None
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
            raise BadSource(self.path, f"is damaged in {name}: {error}") from error

    def _from_folder(self, name: str, most: int) -> bytes | None:
        try:
            with open(open_beneath(self.path, name), "rb") as file:  # noqa: PTH123 - a descriptor
                return file.read(most + 1)
        except FileNotFoundError:
            return None
        except (UnsafeFile, OSError) as error:
            raise BadSource(self.path, f"has a file {name} that is not read: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Array:
    """One array of a store. `problem` says why it is not read; empty if it is."""

    store: Store
    name: str
    shape: tuple[int, ...] = ()
    chunks: tuple[int, ...] = ()
    dtype: np.dtype[Any] = np.dtype(np.uint8)
    order: str = "C"
    separator: str = "."
    lead: tuple[str, ...] = ()
    fill: Any = 0
    compressor: dict[str, Any] | None = None
    filters: tuple[dict[str, Any], ...] = ()
    problem: str = ""

    def rows(self, first: int, end: int, held: dict[str, NDArray[Any]] | None = None) -> Iterator[NDArray[Any]]:
        """Yield the rows from `first` to before `end`; one piece of rows is in memory at a time. Raises BadSource.

        `held` keeps the piece that was read last, for the next call with it.
        """
        step = self.chunks[0]
        held = {} if held is None else held
        for number in range(first // step, -(-end // step)):
            key = f"{self.name}/{number}"
            if key not in held:
                check_stop()
                held.clear()
                held[key] = self._piece_of_rows(number)
            piece = held[key]
            begin = number * step
            yield from piece[max(0, first - begin) : min(len(piece), end - begin)]

    def _piece_of_rows(self, number: int) -> NDArray[Any]:
        """Return the rows of all pieces with this first number."""
        rows = min(self.chunks[0], self.shape[0] - number * self.chunks[0])
        whole = np.full((rows, *self.shape[1:]), self.fill, self.dtype)
        counts = [range(-(-side // chunk)) for side, chunk in zip(self.shape[1:], self.chunks[1:], strict=True)]
        for place in product(*counts):
            key = self.separator.join(map(str, (*self.lead, number, *place)))
            piece = self._piece(f"{self.name}/{key}")
            if piece is None:
                continue
            where = tuple(slice(n * c, (n + 1) * c) for n, c in zip(place, self.chunks[1:], strict=True))
            target = whole[(slice(None), *where)]
            target[...] = piece[tuple(slice(side) for side in target.shape)]
        return whole

    def _piece(self, name: str) -> NDArray[Any] | None:
        data: Any = self.store.read(name, MOST_PIECE_BYTES)
        if data is None:
            return None
        size = math.prod(self.chunks) * self.dtype.itemsize
        try:
            if self.compressor:
                data = _unpacked(self.compressor, data, size)
            for config in reversed(self.filters):
                data = _codec(config).decode(data)
            piece = np.asarray(data) if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)
            if piece.nbytes != size:
                raise ValueError(f"it has {piece.nbytes:,} bytes instead of {size:,}")
            return (
                np.ascontiguousarray(piece)
                .reshape(-1)
                .view(self.dtype)
                .reshape(self.chunks, order="F" if self.order == "F" else "C")
            )
        except (ValueError, RuntimeError, TypeError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise BadSource(self.store.path, f"is damaged in {name}: {error}") from error


def _is_described(folder: Path) -> bool:
    return any((folder / name).is_file() for name in DESCRIPTIONS)


def open_array(store: Store, name: str) -> Array:
    """Return the array of that name. One that is not to be read has a `problem`; nothing of its values is read here."""
    try:
        data = store.read(f"{name}/.zarray", _MOST_META_BYTES)
        if data is not None:
            return _checked(store, name, read_json(data, nan=True))
        data = store.read(f"{name}/{VERSION_3}", _MOST_META_BYTES)
        meta, lead = as_version_2(read_json(data, nan=True) if data is not None else None)
        return replace(_checked(store, name, meta), lead=lead)
    except Unread as reason:
        return Array(store, name, problem=str(reason))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        return Array(store, name, problem=f"its description is invalid: {error}"[:300])


def _checked(store: Store, name: str, meta: Any) -> Array:
    if not isinstance(meta, dict) or meta.get("zarr_format") != 2:
        raise ValueError("it is not of zarr version 2")
    shape, chunks = _sides(meta["shape"]), _sides(meta["chunks"])
    filters, compressor = meta.get("filters") or [], meta.get("compressor")
    if not shape:
        return Array(store, name, problem="it is one value for all episodes")
    if len(chunks) != len(shape) or 0 in chunks:
        raise ValueError("its pieces have other sides than the array")
    if not isinstance(meta["dtype"], str) or meta["dtype"][1:2] not in set("biuf"):
        return Array(store, name, problem=f"it holds {meta['dtype']!r:.60}, not numbers; objects are never unpickled")
    dtype = np.dtype(meta["dtype"])
    if math.prod(chunks) * dtype.itemsize > MOST_PIECE_BYTES:
        return Array(store, name, problem=f"one piece of it has more than {MOST_PIECE_BYTES >> 20} MiB")
    if math.prod(shape[1:]) * chunks[0] * dtype.itemsize > MOST_PIECE_BYTES:
        return Array(store, name, problem=f"its rows have more than {MOST_PIECE_BYTES >> 20} MiB in {chunks[0]:,}")
    if math.prod(-(-side // chunk) for side, chunk in zip(shape[1:], chunks[1:], strict=True)) > _MOST_PIECES:
        return Array(store, name, problem=f"each of its rows is cut into more than {_MOST_PIECES:,} pieces")
    for config in (*filters, *([compressor] if compressor else [])):
        if problem := _codec_problem(config):
            return Array(store, name, problem=problem)
    return Array(
        store,
        name,
        shape,
        chunks,
        dtype,
        str(meta.get("order", "C")),
        "/" if meta.get("dimension_separator") == "/" else ".",
        (),
        _fill(meta.get("fill_value"), dtype),
        compressor,
        tuple(filters),
    )


def _fill(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return the value of what no piece holds. Raises ValueError if it is none of this dtype."""
    if isinstance(value, str) and dtype.kind == "f":
        value = _FILLS[value] if value in _FILLS else _from_bits(value, dtype)
    elif value is None:  # whoever wrote it did not care
        return 0
    if not isinstance(value, int | float) or (dtype.kind != "f" and not _is_within(value, dtype)):
        raise ValueError(f"its fill_value is no {dtype}")
    return float(value) if dtype.kind == "f" else value


def _from_bits(text: str, dtype: np.dtype[Any]) -> float | None:
    """Return the number of which version 3 writes the bits, as `0x7fc00000`; None for other text."""
    if not re.fullmatch(rf"0x[0-9a-fA-F]{{{2 * dtype.itemsize}}}", text):
        return None
    return float(np.frombuffer(bytes.fromhex(text[2:]), dtype.newbyteorder(">"))[0])


def _is_within(value: float, dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "b":
        return value in (0, 1)
    limits = np.iinfo(dtype)
    return limits.min <= value <= limits.max and value == int(value)


def _sides(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > 8 or not all(type(x) is int and 0 <= x < 1 << 48 for x in value):
        raise ValueError(f"{value!r:.60} is not a shape")
    return tuple(value)


def _codec_problem(config: Any) -> str:
    """Return why pieces with this codec are not read; empty if they are."""
    name = config.get("id") if isinstance(config, dict) else None
    if name in CODECS:
        return ""
    if name not in PICTURE_CODECS:
        return f"it is packed with {name!r:.40}, which is not read; these are: {', '.join(sorted(CODECS))}"
    with contextlib.suppress(MissingPackage):
        need("imagecodecs.numcodecs", "pictures").register_codecs()
    try:
        _codec(config)
    except ValueError:
        return (
            f"its pictures are packed with {str(name).removeprefix('imagecodecs_')}, which needs the package "
            "imagecodecs: install it with `pip install imagecodecs`"
        )
    return ""


def _unpacked(config: dict[str, Any], data: bytes, size: int) -> Any:
    """Return what `data` unpacks to, which has `size` bytes. Raises ValueError as soon as it is more."""
    name = config["id"]
    if name in ("zlib", "gzip"):
        unpacked = zlib.decompressobj(zlib.MAX_WBITS | (16 if name == "gzip" else 0)).decompress(data, size + 1)
    elif name == "bz2":
        unpacked = bz2.BZ2Decompressor().decompress(data, size + 1)
    elif name == "lzma":
        unpacked = lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=MOST_PIECE_BYTES).decompress(data, size + 1)
    elif name in PICTURE_CODECS:
        return _codec(config).decode(data)
    else:
        target = np.empty(size, np.uint8)  # these codecs refuse to write beyond it
        _codec(config).decode(data, out=target)
        return target
    if len(unpacked) > size:
        raise ValueError(f"it unpacks to more than {size:,} bytes")
    return unpacked


def _codec(config: dict[str, Any]) -> Any:
    numcodecs = need("numcodecs", "zarr files")
    return numcodecs.get_codec(dict(config))
