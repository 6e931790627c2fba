"""The binary event stream of AWS (`application/vnd.amazon.eventstream`), read incrementally.

A message is a prelude (total length, headers length, CRC-32 of those eight bytes), headers, a
payload, and a CRC-32 of everything before it; all numbers are big-endian. Headers are a name length
(1 byte), name, type (1 byte) and a value. Source: the Smithy specification, "Amazon Event Stream".
"""

import struct
from collections.abc import Mapping
from typing import NamedTuple
from zlib import crc32

from proxy.errors import FormatError

type HeaderValue = bool | int | bytes | str

_PRELUDE = struct.Struct(">III")
_U32 = struct.Struct(">I")
_MIN_MESSAGE = 16
_MAX_HEADERS = 128 * 1024
_MAX_MESSAGE = 24 * 1024 * 1024
_BYTES, _STRING = 6, 7
# type -> a fixed-size value: byte, short, integer, long, timestamp (milliseconds)
_FIXED = {
    2: struct.Struct(">b"),
    3: struct.Struct(">h"),
    4: struct.Struct(">i"),
    5: struct.Struct(">q"),
    8: struct.Struct(">q"),
}
_UUID, _UUID_SIZE = 9, 16


class Message(NamedTuple):
    """One message; `start` and `end` are its byte span in the stream."""

    headers: Mapping[str, HeaderValue]
    payload: bytes
    start: int
    end: int


class EventStreamParser:
    """Reads one stream; linear in its length however it is split."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._have = 0
        self._need = _PRELUDE.size
        self._offset = 0

    @property
    def pending(self) -> int:
        """Bytes of a message that is not whole yet."""
        return self._have

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes.

        Raises:
            FormatError: A checksum or a length is wrong. The stream has no way to find the next
                message after that; messages that `data` completed before it are in `.args[1]`.
        """
        self._pieces.append(data)
        self._have += len(data)
        if self._have < self._need:
            return []
        buffer = b"".join(self._pieces)
        messages: list[Message] = []
        at = 0
        try:
            while (size := self._size(buffer, at)) and len(buffer) - at >= size:
                messages.append(self._message(buffer[at : at + size], self._offset))
                at += size
                self._offset += size
        except FormatError as err:
            err.args = (err.message, messages)
            raise
        rest = buffer[at:]
        self._pieces = [rest] if rest else []
        self._have = len(rest)
        self._need = self._size(rest, 0) or _PRELUDE.size
        return messages

    @staticmethod
    def _size(buffer: bytes, at: int) -> int:
        """The length of the message that starts at `at`; 0 while its prelude is not whole."""
        if len(buffer) - at < _PRELUDE.size:
            return 0
        total, headers, checksum = _PRELUDE.unpack_from(buffer, at)
        if crc32(buffer[at : at + 8]) != checksum:
            raise FormatError("event stream: the prelude's checksum is wrong")
        if not _MIN_MESSAGE + headers <= total <= _MAX_MESSAGE or headers > _MAX_HEADERS:
            raise FormatError(f"event stream: impossible lengths {total} and {headers}")
        return int(total)

    @staticmethod
    def _message(raw: bytes, offset: int) -> Message:
        if crc32(raw[:-4]) != _U32.unpack_from(raw, len(raw) - 4)[0]:
            raise FormatError("event stream: a message's checksum is wrong")
        end = _PRELUDE.size + _U32.unpack_from(raw, 4)[0]
        return Message(_headers(raw[_PRELUDE.size : end]), raw[end:-4], offset, offset + len(raw))


def _headers(raw: bytes) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(raw):
            size = raw[at]
            name = raw[at + 1 : at + 1 + size].decode("utf-8", "replace")
            at += 1 + size
            headers[name], at = _value(raw, at)
    except (IndexError, struct.error) as err:
        raise FormatError("event stream: a header is cut off") from err
    return headers


def _value(raw: bytes, at: int) -> tuple[HeaderValue, int]:
    kind = raw[at]
    at += 1
    if kind <= 1:
        return kind == 0, at
    if kind in _FIXED:
        return _FIXED[kind].unpack_from(raw, at)[0], at + _FIXED[kind].size
    if kind in (_BYTES, _STRING):
        size = int.from_bytes(raw[at : at + 2])
        value = raw[at + 2 : at + 2 + size]
        if len(value) < size:
            raise IndexError
        at += 2 + size
        return (value.decode("utf-8", "replace") if kind == _STRING else value), at
    if kind == _UUID:
        return raw[at : at + _UUID_SIZE].hex(), at + _UUID_SIZE
    raise FormatError(f"event stream: header type {kind} is unknown")


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message with string headers."""
    block = b"".join(
        struct.pack(">B", len(key := name.encode()))
        + key
        + struct.pack(">BH", _STRING, len(text := value.encode()))
        + text
        for name, value in headers.items()
    )
    lengths = struct.pack(">II", _MIN_MESSAGE + len(block) + len(payload), len(block))
    head = lengths + _U32.pack(crc32(lengths)) + block + payload
    return head + _U32.pack(crc32(head))
