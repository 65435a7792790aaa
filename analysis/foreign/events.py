"""TensorBoard's event files: the scalars in them, read without TensorBoard.

A record is a length (8 bytes), its checksum (4), the data, its checksum (4); the data are an `Event` in
protobuf's wire format, of which step, tag and value are read (tensorflow: record_writer.cc, event.proto,
summary.proto, tensor.proto). The `tensorboard` package would bring protobuf, grpc, a web server and twelve
more packages for these 150 lines; it writes the files that the tests read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

_POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), reflected


def _table() -> list[int]:
    table = []
    for i in range(256):
        value = i
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()
_ARRAY: npt.NDArray[np.uint32] = np.array(_TABLE, dtype=np.uint32)
_LONG = 512  # bytes: longer records are rare (images, graphs) and are summed one by one


def crc32c(data: bytes) -> int:
    """CRC-32C of bytes (RFC 3720, appendix B.4)."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """The checksum as the file holds it: turned right by 15 bits, plus a constant."""
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _crcs(data: npt.NDArray[np.uint8], starts: list[int], length: int) -> npt.NDArray[np.uint32]:
    """CRC-32C of many pieces of one length at once: a step for each byte, not for each byte of each piece."""
    at = np.array(starts)
    value = np.full(len(starts), 0xFFFFFFFF, dtype=np.uint32)
    for i in range(length):
        value = _ARRAY[(value ^ data[at + i]) & 0xFF] ^ (value >> np.uint32(8))
    return value ^ np.uint32(0xFFFFFFFF)


def records(raw: bytes, name: str, notices: list[str]) -> list[bytes]:
    """The records of a file up to the first that is torn or damaged, which is told."""
    spans: list[tuple[int, int]] = []
    at, end = 0, len(raw)
    while at < end:
        if at + 12 > end:
            notices.append(f"The last record of {name} was torn and is left out.")
            break
        (length, check) = struct.unpack_from("<QI", raw, at)
        if masked(crc32c(raw[at : at + 8])) != check:
            notices.append(f"{name} is damaged at byte {at}; what follows is left out.")
            break
        if at + 16 + length > end:
            notices.append(f"The last record of {name} was torn and is left out.")
            break
        spans.append((at + 12, length))
        at += 16 + length
    good = _sound(raw, spans)
    if good < len(spans):
        notices[:] = [notice for notice in notices if name not in notice]
        notices.append(f"{name} is damaged at byte {spans[good][0]}; what follows is left out.")
    return [raw[start : start + length] for start, length in spans[:good]]


def _sound(raw: bytes, spans: list[tuple[int, int]]) -> int:
    """How many records from the first on have the checksum that stands behind them."""
    data = np.frombuffer(raw, dtype=np.uint8)
    wrong = len(spans)
    by_length: dict[int, list[int]] = {}
    for i, (_, length) in enumerate(spans):
        by_length.setdefault(length, []).append(i)
    for length, members in by_length.items():
        starts = [spans[i][0] for i in members]
        if length > _LONG:
            crcs = [crc32c(raw[start : start + length]) for start in starts]
        else:
            crcs = [int(crc) for crc in _crcs(data, starts, length)]
        for i, start, crc in zip(members, starts, crcs, strict=True):
            if masked(crc) != struct.unpack_from("<I", raw, start + length)[0]:
                wrong = min(wrong, i)
    return wrong


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of a protobuf message; fixed and length-delimited values as bytes. Raises on damage."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + size > len(data):
            raise ValueError("a field beyond the end")
        yield key >> 3, data[at : at + size]
        at += size


def scalars(record: bytes) -> Iterator[tuple[int, str, float]]:
    """(step, tag, value) of the scalars of one `Event`; other summaries are passed over."""
    step, summaries = 0, []
    for number, value in fields(record):
        if number == 2 and isinstance(value, int):
            step = value - (1 << 64) if value >> 63 else value
        elif number == 5 and isinstance(value, bytes):
            summaries.append(value)
    for summary in summaries:
        for number, value in fields(summary):
            if number == 1 and isinstance(value, bytes):
                tag, found = _value(value)
                if found is not None:
                    yield step, tag, found


def _value(data: bytes) -> tuple[str, float | None]:
    tag, found = "", None
    for number, value in fields(data):
        if number == 1 and isinstance(value, bytes):
            tag = value.decode("utf-8", "replace")
        elif number == 2 and isinstance(value, bytes) and len(value) == 4:
            (found,) = struct.unpack("<f", value)
        elif number == 8 and isinstance(value, bytes):
            found = _tensor(value)
    return tag, found


def _tensor(data: bytes) -> float | None:
    """The number in a tensor of one float or double; None for any other tensor."""
    kind, raw, size = 0, b"", 1
    for number, value in fields(data):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 2 and isinstance(value, bytes):
            for _, dimension in fields(value):
                lengths = dict(fields(dimension)) if isinstance(dimension, bytes) else {}
                size *= int(lengths.get(1, 1)) if isinstance(lengths.get(1, 1), int) else 1
        elif number in (4, 5, 6) and isinstance(value, bytes) and value:
            raw = value
    code = {1: "<f", 2: "<d"}.get(kind)
    if code is None or size != 1 or len(raw) != struct.calcsize(code):
        return None
    return float(struct.unpack(code, raw)[0])


def read_scalars(file: Path, name: str, notices: list[str]) -> list[tuple[int, str, float]]:
    """All scalars of an event file, in the order in which they were written."""
    found: list[tuple[int, str, float]] = []
    for record in records(file.read_bytes(), name, notices):
        try:
            found += scalars(record)
        except (ValueError, IndexError):
            notices.append(f"{name} holds a record that is no event; it is left out.")
    return found
