"""What pieces and exchanges are held against when they are verified.

A piece has the SHA-256 of its bytes; a list of pieces has the SHA-256 of theirs, so that a body of
which only the end is new costs only its end. Stored digests begin with a byte for the algorithm.
"""

from collections.abc import Iterable
from hashlib import sha256

_SHA256 = b"\x01"
INDEX_BYTES = 16  # of a piece's digest, to find it by


def leaf(data: bytes) -> bytes:
    """32 bytes."""
    return sha256(data).digest()


def fold(digests: Iterable[bytes]) -> bytes:
    """33 bytes: the algorithm and the digest of digests."""
    return _SHA256 + sha256(b"".join(digests)).digest()
