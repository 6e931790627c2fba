"""Lists of whole numbers as few bytes.

A letter names the narrowest width that holds them all (the codes of the `array` module), then come
all lowest bytes, all second bytes, and so on: the high bytes are mostly equal, and compress away.
"""

import sys
from array import array
from collections.abc import Sequence
from itertools import accumulate, pairwise

_BYTES = b"B"
_WIDER = "bHhIiq"  # in the order they are tried


def pack(values: Sequence[int]) -> bytes:
    """The bytes of `values`; empty for none. OverflowError beyond 64 bits."""
    if not values:
        return b""
    try:
        return _BYTES + bytes(values)
    except ValueError:
        return _pack_wider(values)


def _pack_wider(values: Sequence[int]) -> bytes:
    for code in _WIDER:
        try:
            numbers = array(code, values)
        except OverflowError:
            continue
        if sys.byteorder == "big":
            numbers.byteswap()
        raw, width = numbers.tobytes(), numbers.itemsize
        planes = raw if width == 1 else b"".join([raw[byte::width] for byte in range(width)])
        return code.encode() + planes
    raise OverflowError("whole numbers of more than 64 bits")


def unpack(data: bytes) -> list[int]:
    """What `pack` was given; ValueError for other bytes."""
    if not data:
        return []
    code = chr(data[0])
    if code == "B":
        return list(data[1:])
    if code not in _WIDER:
        raise ValueError(f"{code!r} is no width of whole numbers")
    numbers = array(code)
    width = numbers.itemsize
    count, rest = divmod(len(data) - 1, width)
    if rest:
        raise ValueError("whole numbers are cut off")
    raw = bytearray(len(data) - 1)
    for byte in range(width):
        raw[byte::width] = data[1 + byte * count : 1 + (byte + 1) * count]
    numbers.frombytes(raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def pack_series(values: Sequence[int]) -> bytes:
    """The bytes of values that lie close to the one before them: times, numbers of pieces."""
    if not values:
        return b""
    first = pack(values[:1])
    return bytes([len(first)]) + first + pack([b - a for a, b in pairwise(values)])


def unpack_series(data: bytes) -> list[int]:
    """What `pack_series` was given; ValueError for other bytes."""
    if not data:
        return []
    rest = 1 + data[0]
    return list(accumulate(unpack(data[1:rest]) + unpack(data[rest:])))
