"""Change the bytes of a file: bits, lengths, cuts, holes and splices, and numbers that are sealed again."""

from __future__ import annotations

import random
import re
import struct
import zlib
from pathlib import Path

LENGTHS = [0, 1, 7, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
_RECORD = struct.Struct("<QQQII")
_DIGITS = 8
_DIGITS_OF_8 = re.compile(rb"\x08\0\0\0([0-9a-f]{8})\0")


def change_bytes(data: bytes, chance: random.Random, other: bytes = b"") -> tuple[bytes, str]:
    """Return the bytes with one change, and what was changed; `other` is a file to take pieces from."""
    if not data:
        return chance.randbytes(chance.randrange(200)), "made up"
    at, count = chance.randrange(len(data)), min(len(data), chance.choice([1, 4, 8, 16, 64, 300, 4096]))
    if chance.random() < 0.5:
        at %= min(len(data), 2048)  # heads matter more than what follows
    rest = data[at + count :]
    act = chance.randrange(12)
    if act <= 3:
        bit = chance.randrange(8)
        return data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :], f"bit {bit} of byte {at}"
    if act == 4:
        value = chance.randrange(256)
        return data[:at] + bytes([value]) + data[at + 1 :], f"byte {at} = {value}"
    if act == 5:
        return data[:at], f"cut at {at}"
    if act == 6:
        return data[:at] + bytes(count) + rest, f"{count} zeros at {at}"
    if act == 7:
        return data[:at] + rest, f"{count} bytes at {at} gone"
    if act == 8:
        return data[:at] + data[at : at + count] * 2 + rest, f"{count} bytes at {at} doubled"
    if act == 9:
        source = other or data
        begin = chance.randrange(max(1, len(source)))
        return data[:at] + source[begin : begin + count] + rest, f"{count} bytes at {at} from elsewhere"
    width, order = chance.choice([4, 8]), chance.choice(["little", "big"])
    length, place = chance.choice(LENGTHS), at // 4 * 4
    number = (length % 2 ** (8 * width)).to_bytes(width, order)  # type: ignore[arg-type]
    return data[:place] + number + data[place + width :], f"{width} bytes at {place} = {length} ({order})"


def change_claim(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Return the bytes with the top bit of one small number of eight bytes turned: a length that no memory holds."""
    places = [
        at for at in range(0, min(len(data), 4096) - 8, 4) if 0 < int.from_bytes(data[at : at + 8], "little") < 64
    ]
    if not places:
        return change_bytes(data, chance)
    at = chance.choice(places) + 7
    return data[:at] + bytes([data[at] ^ 0x80]) + data[at + 1 :], f"top bit of the number that ends at byte {at}"


def change_index(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Return a take's .idx with a number of one record changed, the record sealed again."""
    size = _RECORD.size + 4
    number = chance.randrange(max(1, len(data) // size))
    values = list(_RECORD.unpack_from(data.ljust(size, b"\0"), number * size))
    field = chance.randrange(5)
    values[field] = chance.choice(LENGTHS) % (2**64 if field < 3 else 2**32)
    body = _RECORD.pack(*values)
    sealed = body + struct.pack("<I", zlib.crc32(body))
    return data[: number * size] + sealed + data[(number + 1) * size :], f"record {number}: {values}"


def change_rows(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Return rows of version 2 with some bytes of one message changed and its checksum made right again."""
    pieces = data.split(b"\xff\xff\xff\xff")[1:]
    number = chance.randrange(len(pieces))
    seed = 0
    for piece in pieces[1:number]:
        seed = int(piece[_digits_at(piece) :][:_DIGITS], 16)
    piece, what = change_bytes(pieces[number], chance)
    try:
        at = _digits_at(piece)
        zeroed = piece[:at] + b"0" * _DIGITS + piece[at + _DIGITS :]
        piece = zeroed[:at] + b"%08x" % zlib.crc32(b"\xff\xff\xff\xff" + zeroed, seed) + zeroed[at + _DIGITS :]
    except ValueError:
        what += ", not sealed"
    pieces[number] = piece
    return b"".join(b"\xff\xff\xff\xff" + piece for piece in pieces), f"message {number}: {what}, sealed again"


def _digits_at(piece: bytes) -> int:
    """Where the checksum of a message is: a text of eight digits, its length before it and a zero behind it."""
    found = _DIGITS_OF_8.search(piece)
    if found is None:
        raise ValueError("no checksum")
    return found.start(1)


def change_length(path: Path, chance: random.Random) -> str:
    """Make a file very long without filling it."""
    size = chance.choice([2**20, 2**28, 2**31])
    with path.open("r+b") as file:
        file.truncate(size)
    return f"a hole up to {size}"
