"""The binary event stream of AWS: taking payloads out, and putting changed ones back in.

Bedrock wraps the model's own JSON in base64: `{"bytes": "eyJ…"}`; then that is the payload here.
"""

import base64
import binascii
import re
import struct
from typing import NamedTuple
from zlib import crc32

from proxy.core.eventstream import EventStreamParser
from proxy.errors import FormatError

MEDIA = "application/vnd.amazon.eventstream"
_WRAPPED = re.compile(rb"\"bytes\"\s*:\s*\"([A-Za-z0-9+/=]+)\"")
_PRELUDE = 12
_CRC = 4


class Frame(NamedTuple):
    """One message at `start:end` of the stream, and the JSON in it."""

    start: int
    end: int
    payload: bytes
    wrapped: bool


def frames(data: bytes) -> list[Frame]:
    """The whole messages at the beginning of a stream; what is damaged or cut off is left out."""
    try:
        messages = EventStreamParser().feed(data)
    except FormatError as err:
        messages = err.args[1]
    found: list[Frame] = []
    for message in messages:
        inner = _unwrap(message.payload)
        payload = message.payload if inner is None else inner
        found.append(Frame(message.start, message.end, payload, inner is not None))
    return found


def rebuilt(data: bytes, frame: Frame, payload: bytes) -> bytes:
    """The message with another payload: lengths and checksums made anew, headers kept."""
    raw = data[frame.start : frame.end]
    (size,) = struct.unpack_from(">I", raw, 4)
    headers = raw[_PRELUDE : _PRELUDE + size]
    if frame.wrapped:
        old = raw[_PRELUDE + size : -_CRC]
        text = base64.b64encode(payload)
        payload = _WRAPPED.sub(lambda found: found[0].replace(found[1], text), old, count=1)
    total = _PRELUDE + len(headers) + len(payload) + _CRC
    lengths = struct.pack(">II", total, len(headers))
    head = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return head + struct.pack(">I", crc32(head))


def _unwrap(payload: bytes) -> bytes | None:
    found = _WRAPPED.search(payload)
    if found is None:
        return None
    try:
        return base64.b64decode(found[1], validate=True)
    except binascii.Error:
        return None
