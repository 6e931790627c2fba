"""What pieces and exchanges are held against when they are verified.

A piece has the first half of the SHA-256 of its bytes; a list of pieces has the SHA-256 of theirs,
so that a body of which only the end is new costs only its end. Stored digests of lists begin with a
byte that names the algorithm. What is sealed (`seals`) has digests of its own: of pieces by HMAC
under its run's key, and beside those of bytes that can be looked at without a key.
"""

from collections.abc import Iterable
from hashlib import sha256

_SHA256 = b"\x01"
_SEALED = b"\x02"  # SHA-256 over keyed digests
_WHOLE = 32
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


def is_sealed(digest: object) -> bool:
    """Whether a stored digest is that of something sealed."""
    return isinstance(digest, bytes) and digest[:1] == _SEALED


def of_sealed_blob(leaves: Iterable[bytes], packed: bytes) -> bytes:
    """25 bytes, like `of_blob`: of the pieces' keyed digests, and of the sealed bytes."""
    return _SEALED + of_blob(leaves, packed)[1:]


def has_bytes(digest: bytes, packed: bytes) -> bool:
    """Whether these are the stored bytes of a blob; for this no key is needed."""
    return digest[-_PACKED:] == sha256(packed).digest()[:_PACKED]


def of_sealed(leaves: Iterable[bytes], columns: bytes) -> bytes:
    """65 bytes: of an exchange's keyed digests, and over both that and its columns."""
    pieces = sha256(b"".join(leaves)).digest()
    return _SEALED + pieces + sha256(pieces + columns).digest()


def has_columns(digest: bytes, columns: bytes) -> bool:
    """Whether a sealed exchange has these columns; for this no key is needed."""
    pieces, whole = digest[1 : 1 + _WHOLE], digest[1 + _WHOLE :]
    return whole == sha256(pieces + columns).digest()
