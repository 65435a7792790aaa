"""Asks a Ray at an address whether it is one and takes our token: one gRPC call by hand, in milliseconds.

Ray itself waits for 20 s and then speaks of an instance that has crashed; on a port that accepts connections
and is no Ray it waits for minutes. No gRPC library: it would be a dependency for a single empty call.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113, 3.4
DATA, HEADERS, SETTINGS, GOAWAY = 0, 1, 4, 7  # RFC 9113, 6
END_STREAM, END_HEADERS = 1, 4
METHOD = "/ray.rpc.NodeInfoGcsService/CheckAlive"
UNAUTHENTICATED = 16  # status codes of gRPC
MOST_FRAMES = 32  # Ray's answer takes six


def status(connection: socket.socket, token: str | None) -> int | None:
    """Status of the call with this token: 0, UNAUTHENTICATED, ...; None where the answer does not say it.

    OSError as sockets have it, and where the other side does not greet as gRPC does (HTTP/2, SETTINGS first).
    """
    connection.sendall(PREFACE + _frame(SETTINGS, 0, 0, b"") + _call(token))
    for number, (kind, payload) in enumerate(_frames(connection)):
        if number == 0 and kind != SETTINGS:
            raise OSError("what listens there does not speak Ray's protocol")
        if kind == HEADERS and (found := _status(payload)) is not None:
            return found
        if kind == GOAWAY or number == MOST_FRAMES:
            return None
    raise OSError("what listens there does not speak Ray's protocol")


def _call(token: str | None) -> bytes:
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": METHOD,
        ":authority": "ray",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    if token:
        headers["authorization"] = f"Bearer {token}"
    block = b"".join(b"\0" + _text(name) + _text(value) for name, value in headers.items())
    message = b"\0" + bytes(4)  # not compressed, of no bytes: a request without fields
    return _frame(HEADERS, END_HEADERS, 1, block) + _frame(DATA, END_STREAM, 1, message)


def _text(text: str) -> bytes:
    """A string of HPACK, without Huffman's code; its length is an integer of a 7-bit prefix (RFC 7541, 5)."""
    raw = text.encode()
    length, rest = bytearray(), len(raw)
    if rest < 127:
        return bytes([rest]) + raw
    length.append(127)
    rest -= 127
    while rest >= 128:
        length.append(rest % 128 + 128)
        rest //= 128
    return bytes([*length, rest]) + raw


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def _frames(connection: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Kind and payload of what arrives, until the other side closes."""
    while header := _exactly(connection, 9):
        length = int.from_bytes(header[:3])
        payload = _exactly(connection, length) if length else b""
        if length and not payload:
            return
        yield header[3], payload


def _exactly(connection: socket.socket, count: int) -> bytes:
    """So many bytes; none where the connection ends before."""
    received = b""
    while len(received) < count:
        more = connection.recv(count - len(received))
        if not more:
            return b""
        received += more
    return received


def _status(block: bytes) -> int | None:
    """The status in a block of headers. Ray's gRPC writes names and values as they are."""
    _, found, rest = block.partition(b"grpc-status")
    digits = rest[1 : 1 + rest[0]] if found and rest else b""
    return int(digits) if digits.isdigit() else None
