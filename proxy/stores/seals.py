"""Bodies at rest, sealed with the user's key: what a store's keys are, and what they open.

A row of `seals` is one key of the store: it comes from the user's key and the row's salt
(HKDF-SHA256), or is a random one that an age recipient's identity unwraps. Each run has two keys
derived from it: one for AES-256-GCM, and one for the digests of clear text, which without a key
would let anybody try out what a short text was. What is sealed names its key and its run, carries a
random nonce of 96 bits, and is bound to its place; a run writes far fewer than the 2^32 times that
NIST SP 800-38D allows one key with such nonces. Nothing depends on the same text giving the same
bytes: what repeats is found in memory, by its digest, before it is sealed. Sealed runs share
nothing, so that one can be deleted without any key.
"""

import hmac
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from proxy.errors import ConfigError, DashcamError, StoreError
from proxy.stores._api import Sealed

if TYPE_CHECKING:
    from proxy.stores.vault import Key

_VERSION = b"\x01"
_ID, _RUN, _NONCE, _SIZE, _LEAF = 16, 8, 12, 32, 16
_HEAD = len(_VERSION) + _ID + _RUN
_BODIES = b"dashcam bodies v1"
_RUNS = 2000  # whose keys are kept

TABLES: Final = {
    "seals": "CREATE TABLE seals (id BLOB PRIMARY KEY, recipient TEXT NOT NULL, lock BLOB NOT NULL)"
    " WITHOUT ROWID",
    "sealed_runs": "CREATE TABLE sealed_runs (run_id TEXT NOT NULL, seal BLOB NOT NULL,"
    " PRIMARY KEY (run_id, seal)) WITHOUT ROWID",
}
"""Made with the first sealed run: stores without one have neither."""

_USED = """
SELECT DISTINCT CAST(substr(data, 2, 16) AS BLOB) FROM blobs
WHERE run = ? AND substr(digest, 1, 1) = x'02'
"""
_OF_RUN = "SELECT seal FROM sealed_runs WHERE run_id = ?"
_ANY_RUN = "SELECT run_id FROM sealed_runs LIMIT 1"
_IS_SEALED = "SELECT 1 FROM sealed_runs WHERE run_id = ? LIMIT 1"
_SEALS = "SELECT id, recipient, lock FROM seals ORDER BY id"
_SEALED_RUNS = "SELECT seal, count(*), count(DISTINCT run_id) FROM sealed_runs GROUP BY seal"
_ALL_RUNS = "SELECT count(DISTINCT run_id) FROM sealed_runs"


class Locked(StoreError):  # noqa: N818 - the name says it
    """What was asked for is sealed, and the key that was given, if any, does not open it."""


class Forged(StoreError):  # noqa: N818 - the name says it
    """Sealed bytes that are not what was sealed."""


class Seal(NamedTuple):
    """A key of the store; `key` is None where the user's does not open it."""

    id: bytes
    recipient: str  # of age, or "" for a key
    key: bytes | None

    @property
    def name(self) -> str:
        """What people know it by."""
        return self.recipient or f"key {self.id.hex()[:_ID]}"


class RunSeal:
    """Seals what one run has stored, and opens it again."""

    __slots__ = ("_aead", "_head", "_mac", "seal_id")

    def __init__(self, seal_id: bytes, key: bytes, run: int) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - slow

        number = run.to_bytes(_RUN, "big")
        self.seal_id = seal_id
        self._head = _VERSION + seal_id + number
        self._aead = AESGCM(_derived(key, number, _BODIES + b" seal"))
        self._mac = _derived(key, number, _BODIES + b" digest")

    def seal(self, data: bytes, place: bytes) -> bytes:
        """The bytes to be stored at `place`, which only opens there."""
        nonce = os.urandom(_NONCE)
        return b"".join(
            (self._head, nonce, self._aead.encrypt(nonce, data, self._head + place)),
        )

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """What `seal` was given. Raises Forged."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - slow to import

        head, nonce = sealed[:_HEAD], sealed[_HEAD : _HEAD + _NONCE]
        try:
            return self._aead.decrypt(nonce, sealed[_HEAD + _NONCE :], head + place)
        except (InvalidTag, ValueError):
            raise Forged("what was sealed is not what is stored") from None

    def leaf(self, data: bytes) -> bytes:
        """16 bytes that stand for a piece: nobody can try out what it was without the key."""
        return hmac.digest(self._mac, data, "sha256")[:_LEAF]


@dataclass(slots=True)
class Seals:
    """The keys of one store, as far as `given`, the user's setting, opens them.

    With `always`, what this process writes is sealed; else only what it adds to runs that are.
    The user's key is read when it is first needed: without it all else works.
    """

    given: str | None = None
    always: bool = False
    _key: "Key | None" = None
    _trouble: DashcamError | None = None
    _known: dict[bytes, Seal] = field(default_factory=dict)
    _own: bytes = b""  # the key that is sealed with
    _runs: dict[tuple[bytes, int], RunSeal] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> None:
        """Reads the user's key. Raises ConfigError where there is none."""
        if self.given is None:
            raise ConfigError(
                "vault_bodies needs a key to seal with",
                hint="give --vault KEY (DASHCAM_VAULT), or make one: `dashcam vault init`",
            )
        if self._load() is None and self._trouble is not None:
            raise self._trouble

    def forget(self) -> None:
        """After a rollback: what was announced in the store may not be there."""
        self._own = b""

    def of_run(
        self, connection: sqlite3.Connection, run_id: str, number: int, parent: str | None = None
    ) -> RunSeal | None:
        """What seals a run, in a transaction that is open; None when it is not to be sealed.

        A run is sealed if all are, if it was before, and if it was made of one that is (`parent`).
        """
        if self.given is None or not (self.always or self._is_sealed(connection, run_id, parent)):
            return None
        self.check()
        for name, statement in TABLES.items():
            if not _has(connection, name):
                connection.execute(statement)
        seal = self._known.get(self._own) or self._begin(connection)
        connection.execute("INSERT OR IGNORE INTO sealed_runs VALUES (?,?)", (run_id, seal.id))
        return self._run(seal, number)

    @staticmethod
    def any_run(connection: sqlite3.Connection) -> str | None:
        """A sealed run, if there is one."""
        if not _has(connection, "sealed_runs"):
            return None
        row = connection.execute(_ANY_RUN).fetchone()
        return row[0] if row else None

    def open(self, connection: sqlite3.Connection, sealed: bytes, place: bytes) -> bytes:
        """What was sealed at `place`. Raises Locked, Forged."""
        seal_id, run = sealed[1 : 1 + _ID], sealed[1 + _ID : _HEAD]
        if sealed[:1] != _VERSION or len(sealed) < _HEAD + _NONCE:
            raise Forged("what is stored was never sealed")
        seal = self._seal(connection, seal_id)
        if seal.key is None:
            raise self._locked(seal)
        return self._run(seal, int.from_bytes(run, "big")).open(sealed, place)

    def of(self, connection: sqlite3.Connection, sealed: bytes) -> RunSeal:
        """What sealed this, for its digests. Raises Locked."""
        seal = self._seal(connection, sealed[1 : 1 + _ID])
        if seal.key is None:
            raise self._locked(seal)
        return self._run(seal, int.from_bytes(sealed[1 + _ID : _HEAD], "big"))

    def counted(self, connection: sqlite3.Connection) -> Sealed:
        """How many runs are sealed, and how many of these are locked."""
        if not _has(connection, "sealed_runs"):
            return Sealed()
        (runs,) = connection.execute(_ALL_RUNS).fetchone()
        shut = [
            row[0]
            for row in connection.execute(_SEALED_RUNS).fetchall()
            if self._seal(connection, row[0]).key is None
        ]
        holes = ",".join("?" * len(shut))
        (locked,) = connection.execute(
            f"SELECT count(DISTINCT run_id) FROM sealed_runs WHERE seal IN ({holes})",  # noqa: S608 - only question marks
            shut,
        ).fetchone()
        return Sealed(runs, locked)

    # --- inside ------------------------------------------------------------------------------

    def _load(self) -> "Key | None":
        if self._key is None and self._trouble is None and self.given is not None:
            from proxy.stores.vault import read_key  # noqa: PLC0415 - slow to import

            try:
                self._key = read_key(self.given)
            except DashcamError as error:
                self._trouble = error
        return self._key

    def _is_sealed(self, connection: sqlite3.Connection, run_id: str, parent: str | None) -> bool:
        if not _has(connection, "sealed_runs"):
            return False
        return any(
            connection.execute(_IS_SEALED, (one,)).fetchone() is not None
            for one in (run_id, parent)
            if one is not None
        )

    def _begin(self, connection: sqlite3.Connection) -> Seal:
        """The key that is sealed with: one that is there and opens, or a new one.

        A recipient opens none, so each process that has only that makes its own.
        """
        key = self._load()
        assert key is not None  # noqa: S101 - `check` has read it
        for seal in self._stored(connection):
            if seal.key is not None and seal.recipient == key.recipient:
                self._known[seal.id] = seal
                self._own = seal.id
                return seal
        if key.recipient:
            from proxy.stores import age  # noqa: PLC0415 - slow to import

            own = os.urandom(_SIZE)
            lock = age.encrypt(own, key.recipient)
        else:
            lock = os.urandom(_SIZE)
            own = _derived(key.secret, lock, _BODIES)
        seal = Seal(_id(own, key.recipient, lock), key.recipient, own)
        connection.execute("INSERT INTO seals VALUES (?,?,?)", (seal.id, seal.recipient, lock))
        self._known[seal.id] = seal
        self._own = seal.id
        return seal

    def _seal(self, connection: sqlite3.Connection, seal_id: bytes) -> Seal:
        found = self._known.get(seal_id)
        if found is None:
            for seal in self._stored(connection):
                self._known.setdefault(seal.id, seal)
            found = self._known.get(seal_id) or Seal(seal_id, "", None)
        return found

    def _stored(self, connection: sqlite3.Connection) -> Iterator[Seal]:
        if not _has(connection, "seals"):
            return
        for seal_id, recipient, lock in connection.execute(_SEALS).fetchall():
            known = self._known.get(seal_id)
            if known is not None and known.key is not None:
                yield known
            elif isinstance(seal_id, bytes) and isinstance(lock, bytes):
                key = self._opened(str(recipient), lock)
                same = key is not None and _id(key, str(recipient), lock) == seal_id
                yield Seal(seal_id, str(recipient), key if same else None)

    def _opened(self, recipient: str, lock: bytes) -> bytes | None:
        key = self._load()
        if key is None:
            return None
        if not recipient:
            return _derived(key.secret, lock, _BODIES) if key.secret else None
        if not key.identity or key.recipient != recipient:
            return None
        from proxy.stores import age  # noqa: PLC0415 - slow to import

        try:
            return age.decrypt(lock, key.identity)
        except DashcamError:  # somebody has changed it
            return None

    def _run(self, seal: Seal, number: int) -> RunSeal:
        found = self._runs.get((seal.id, number))
        if found is None:
            assert seal.key is not None  # noqa: S101 - the callers have looked
            found = RunSeal(seal.id, seal.key, number)
            with self._lock:
                if len(self._runs) >= _RUNS:
                    self._runs.clear()
                self._runs[seal.id, number] = found
        return found

    def _locked(self, seal: Seal) -> Locked:
        free = "times, status, tokens and costs can be seen without it"
        if self.given is None:
            which = "the identity of that recipient" if seal.recipient else "the key"
            return Locked(
                f"this is sealed ({seal.name}), and no key was given",
                hint=f"give {which} with --vault or DASHCAM_VAULT; {free}",
            )
        if self._trouble is not None:
            return Locked(
                f"this is sealed ({seal.name}), and {self._trouble.message}",
                hint=f"give its key with --vault or DASHCAM_VAULT; {free}",
            )
        if seal.recipient and self._key is not None and self._key.recipient == seal.recipient:
            return Locked(
                f"this is sealed for {seal.name}, who alone can open it",
                hint=f"give the age identity's file with --vault; {free}",
            )
        return Locked(
            f"this is sealed with another key than the given one ({seal.name})",
            hint=f"give that one with --vault or DASHCAM_VAULT; {free}",
        )


def problems(connection: sqlite3.Connection, run_id: str, number: int) -> Iterator[str]:
    """What is wrong with the keys of a run, as far as can be seen without any of them."""
    used = {row[0] for row in connection.execute(_USED, (number,))}
    if not used:
        return
    if any(not _has(connection, table) for table in TABLES):
        yield "is sealed, and the tables of its keys are missing"
        return
    said = {row[0] for row in connection.execute(_OF_RUN, (run_id,))}
    rows = {row[0]: row[1:] for row in connection.execute(_SEALS)}
    for seal_id in sorted(used):
        half = seal_id[: _ID // 2]
        if seal_id not in rows or seal_id != half + _of_row(half, *rows[seal_id]):
            yield f"is sealed with key {half.hex()}, which is missing or not what it was"
        elif seal_id not in said:
            yield f"is sealed with key {half.hex()}, and does not say so"


def delete(connection: sqlite3.Connection, run_id: str) -> None:
    """Forgets that a run was sealed, in the transaction that deletes it."""
    if _has(connection, "sealed_runs"):
        connection.execute("DELETE FROM sealed_runs WHERE run_id = ?", (run_id,))


def _has(connection: sqlite3.Connection, table: str) -> bool:
    row = connection.execute(
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,)
    ).fetchone()
    return row is not None


def _derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) of one block: 32 bytes."""
    return hmac.digest(hmac.digest(salt, secret, sha256), info + b"\x01", sha256)


def _id(key: bytes, recipient: str, lock: bytes) -> bytes:
    """Half of it tells whether a key is the right one, half whether the row is what it was."""
    half = hmac.digest(key, b"dashcam bodies key id", "sha256")[: _ID // 2]
    return half + _of_row(half, recipient, lock)


def _of_row(half: bytes, recipient: str, lock: bytes) -> bytes:
    return sha256(b"\0".join((half, recipient.encode(), lock))).digest()[: _ID // 2]
