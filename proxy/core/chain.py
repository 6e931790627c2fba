"""The hash chain over a store's records, and the checkpoints that are kept elsewhere.

Each record of a store leaves an entry; the entries of one commit are folded into a link together
with the link before. A checkpoint says which link stood at the end of how many entries. Whoever
holds one sees whether what was stored by then is still the same, and all there: a chain alone shows
neither a tail that was cut nor a store that was made anew by somebody who can write to it.

Marks are keyed with a salt that is the run's own and goes with it, so that what stays in the chain
of a deleted run says nothing about it.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from hashlib import blake2b, sha256
from typing import Any, NamedTuple

from proxy.errors import RecordingFormatError

_GENESIS = b"dashcam chain 1\x00"
_SIGNED = "dashcam checkpoint 1\n"
_MARK = 16  # bytes
_STORE_ID = 16  # hexadecimal digits
_FIELDS = ("store", "size", "head", "at", "key", "signature")


class Kind(IntEnum):
    """What an entry stands for; the numbers are in stores and never change."""

    RUN = 1  # the run's own row as it is from now on
    EVENT = 2  # an event, with its exchange if it has one; never changes
    GROUP = 3  # a group as it is from now on: it grows with what happens in it
    PROVISIONAL = 4  # an event of an exchange that was stored before its end
    WITHDRAWN = 5  # such an event gave way to the finished one
    OUTCOME = 6
    PURGE = 7  # a run was deleted
    GAP = 8  # calls that could not be stored


class Entry(NamedTuple):
    """A record's place in the chain: its number `ref` and its run's; 0 where there is none."""

    run: int
    kind: int
    ref: int
    mark: bytes


class Head(NamedTuple):
    """Where a chain ends: how many entries, and the last link."""

    size: int
    link: bytes


def genesis(secret: bytes) -> Head:
    """The beginning of the chain of a store with this secret."""
    return Head(0, sha256(_GENESIS + secret).digest())


def store_id(secret: bytes) -> str:
    """What a store is called in checkpoints; 16 hexadecimal digits."""
    return genesis(secret).link.hex()[:_STORE_ID]


def mark(salt: bytes, fields: Iterable[Any]) -> bytes:
    """A record's 16 bytes. `fields` are what its columns hold: None, int, str or bytes."""
    data = ascii(tuple(fields)).encode()  # the same in every version of Python, unlike repr
    return blake2b(data, digest_size=_MARK, key=salt).digest()


def follow(head: Head, entries: Sequence[Entry]) -> Head:
    """The head after a commit of these entries."""
    folded = sha256(head.link)
    for run, kind, ref, of in entries:
        folded.update(b"%d %d %d %s\n" % (run, kind, ref, of.hex().encode()))
    return Head(head.size + len(entries), folded.digest())


@dataclass(slots=True, frozen=True)
class Checkpoint:
    """What stood in a store: `size` entries ending in `head`, at a time (ISO 8601, UTC).

    `key` is the public Ed25519 key that signed it, `signature` over `signed`; both are base64.
    """

    store: str
    size: int
    head: str
    at: str
    key: str = ""
    signature: str = ""

    @property
    def signed(self) -> bytes:
        """The bytes that are signed: a line for each field."""
        values = (self.store, str(self.size), self.head, self.at, self.key)
        return (_SIGNED + "".join(f"{value}\n" for value in values)).encode()

    def line(self) -> str:
        """One line of JSON, without its end."""
        return json.dumps({"dashcam": "checkpoint", **asdict(self)})


def parse(text: str) -> list[Checkpoint]:
    """The checkpoints of a file or a log: a line of JSON each, other text before it is left out.

    Raises:
        RecordingFormatError: a line that is none, with its number; or there is none at all.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(_parsed(line))
        except (ValueError, KeyError, TypeError) as error:
            raise RecordingFormatError(f"line {number} is no checkpoint") from error
    if not found:
        raise RecordingFormatError("holds no checkpoint")
    return found


def _parsed(line: str) -> Checkpoint:
    """ValueError, KeyError or TypeError for a line that is no checkpoint."""
    _, brace, rest = line.partition("{")
    said = json.loads(brace + rest)
    values = [said[name] for name in _FIELDS]
    texts = [value for value in values if isinstance(value, str) and value.isprintable()]
    whole = len(texts) == len(_FIELDS) - 1 and type(said["size"]) is int
    if not whole or said["dashcam"] != "checkpoint":
        raise ValueError(line)
    for name in ("key", "signature"):
        b64decode(said[name], validate=True)
    return Checkpoint(*values)


def encoded(data: bytes) -> str:
    """A key or a signature as a checkpoint says it."""
    return b64encode(data).decode()
