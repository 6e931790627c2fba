"""What pieces and exchanges are held against when they are verified.

A piece has the first half of the SHA-256 of its bytes; a list of pieces has the SHA-256 of theirs,
so that a body of which only the end is new costs only its end. Stored digests of lists begin with a
byte that names the algorithm.
"""

from collections.abc import Iterable
from hashlib import sha256

_SHA256 = b"\x01"
_LEAF = 16
_PACKED = 8


def leaf(data: bytes) -> bytes:
    """16 bytes."""
    return sha256(data).digest()[:_LEAF]


def fold(digests: Iterable[bytes]) -> bytes:
    """33 bytes: the algorithm and the digest of digests."""
    return _SHA256 + sha256(b"".join(digests)).digest()


def short_fold(digests: Iterable[bytes]) -> bytes:
    """The first 17 of them."""
    return fold(digests)[: _LEAF + 1]


def of_blob(digests: Iterable[bytes], packed: bytes) -> bytes:
    """25 bytes: `short_fold` of a blob's pieces, and 8 of its bytes as they are stored."""
    return short_fold(digests) + sha256(packed).digest()[:_PACKED]
