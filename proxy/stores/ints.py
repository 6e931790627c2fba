"""Lists of whole numbers as few bytes.

A letter names the narrowest width that holds them all (the codes of the `array` module), then come
all lowest bytes, all second bytes, and so on: the high bytes are mostly equal, and compress away.
"""

import sys
from array import array
from collections.abc import Sequence

_UNSIGNED = ((0xFF, "B"), (0xFFFF, "H"), (0xFFFF_FFFF, "I"))
_SIGNED = ((0x7F, "b"), (0x7FFF, "h"), (0x7FFF_FFFF, "i"))
_WIDEST = "q"
_CODES = "BHIbhi" + _WIDEST


def pack(values: Sequence[int]) -> bytes:
    """The bytes of `values`; empty for none. OverflowError beyond 64 bits."""
    if not values:
        return b""
    low, high = min(values), max(values)
    if low >= 0:
        if high <= 0xFF:  # noqa: PLR2004 - the usual case, without the table
            return b"B" + bytes(values)
        code = next((code for most, code in _UNSIGNED if high <= most), _WIDEST)
    else:
        high = max(high, -1 - low)
        code = next((code for most, code in _SIGNED if high <= most), _WIDEST)
    numbers = array(code, values)
    if sys.byteorder == "big":
        numbers.byteswap()
    raw, width = numbers.tobytes(), numbers.itemsize
    planes = raw if width == 1 else b"".join([raw[byte::width] for byte in range(width)])
    return code.encode() + planes


def unpack(data: bytes) -> list[int]:
    """What `pack` was given; ValueError for other bytes."""
    if not data:
        return []
    code = chr(data[0])
    if code == "B":
        return list(data[1:])
    if code not in _CODES:
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
