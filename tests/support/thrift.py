"""Thrift's compact protocol as plain values, so that a test can change any number in a Parquet file.

A struct is a dict from field number to (kind, value); a list is (kind of its elements, values).
"""

from __future__ import annotations

from typing import Any

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
Struct = dict[int, tuple[int, Any]]


def read_struct(data: bytes, at: int = 0) -> tuple[Struct, int]:
    """Return the struct that begins at `at`, and where it ends."""
    fields: Struct = {}
    number = 0
    while head := data[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            coded, at = _varint(data, at)
            number = (coded >> 1) ^ -(coded & 1)
        value, at = (None, at) if head & 15 in (TRUE, FALSE) else _value(data, at, head & 15)
        fields[number] = (head & 15, value)
    return fields, at + 1


def write_struct(fields: Struct) -> bytes:
    """Return the bytes of a struct."""
    parts, before = [], 0
    for number, (kind, value) in sorted(fields.items()):
        step = number - before
        parts.append(bytes([step << 4 | kind]) if step < 16 else bytes([kind]) + zigzag(number))
        parts.append(b"" if kind in (TRUE, FALSE) else _bytes(kind, value))
        before = number
    return b"".join(parts) + b"\0"


def zigzag(number: int) -> bytes:
    """Return the bytes of a signed number."""
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def varint(number: int) -> bytes:
    """Return the bytes of an unsigned number."""
    head = b""
    while number > 127:
        head, number = head + bytes([number & 127 | 128]), number >> 7
    return head + bytes([number])


def _value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (I16, I32, I64):
        coded, at = _varint(data, at)
        return (coded >> 1) ^ -(coded & 1), at
    if kind == BINARY:
        size, at = _varint(data, at)
        return data[at : at + size], at + size
    if kind == LIST:
        head, at = data[at], at + 1
        size, at = _varint(data, at) if head >> 4 == 15 else (head >> 4, at)
        values = []
        for _ in range(size):
            value, at = (data[at], at + 1) if head & 15 in (TRUE, FALSE) else _value(data, at, head & 15)
            values.append(value)
        return (head & 15, values), at
    if kind == STRUCT:
        return read_struct(data, at)
    size = {BYTE: 1, DOUBLE: 8}[kind]
    return data[at : at + size], at + size


def _bytes(kind: int, value: Any) -> bytes:
    if kind in (I16, I32, I64):
        return zigzag(value)
    if kind == BINARY:
        return varint(len(value)) + value
    if kind == LIST:
        element, values = value
        head = (
            bytes([len(values) << 4 | element]) if len(values) < 15 else bytes([0xF0 | element]) + varint(len(values))
        )
        return head + b"".join(bytes([v]) if element in (TRUE, FALSE) else _bytes(element, v) for v in values)
    return write_struct(value) if kind == STRUCT else bytes(value)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at
