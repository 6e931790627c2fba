"""What secrets were, sealed with a key that the user holds: so that pseudonyms can be reversed.

A file beside the store, of JSON lines that are only ever added. A line with `salt` or `wrapped`
begins a section, whose key comes from the user's key (HKDF-SHA256) or is a new one that only the
holder of an age identity can open; the other lines are secrets, each sealed on its own with
AES-256-GCM for its pseudonym. Without the key all that can be seen is which pseudonyms there are.
"""

import fcntl
import hmac
import json
import os
import re
import threading
import weakref
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from proxy.errors import ConfigError, DashcamError
from proxy.stores import age, private_files

SUFFIX = "-vault"
PREFIX = "DASHCAM-VAULT-"
_SIZE, _NONCE = 32, 12
_PSEUDONYM = re.compile(r"SECRET-[a-z0-9]{1,16}-[0-9a-f]{12}")
_SYNC = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC


class Key(NamedTuple):
    """What the user holds: 32 bytes, or an age recipient (to write), or an identity (to read)."""

    secret: bytes = b""
    recipient: str = ""
    identity: str = ""


class Section(NamedTuple):
    """The part of a vault that one key sealed; `key` is None where the user's does not open it."""

    id: str
    of: str  # an age recipient, or "" for a key
    key: bytes | None


def new_key() -> str:
    """A key as text, to be kept by the user."""
    return PREFIX + urlsafe_b64encode(os.urandom(_SIZE)).decode().rstrip("=")


def read_key(given: str, env: Mapping[str, str] = os.environ) -> Key:
    """The key that a setting names: `env:NAME`, a file, or an age recipient. Raises ConfigError."""
    if given.startswith("age1"):
        age.decode(given, age.RECIPIENT)
        return Key(recipient=given)
    if given.startswith("env:"):
        text, where = env.get(given[4:], ""), f"the variable {given[4:]}"
        if not text:
            raise ConfigError(f"{where} holds no vault key", hint="set it, or name a key file")
    else:
        path = Path(given).expanduser()
        where = str(path)
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"the vault key {path} cannot be read: {error}",
                hint="`dashcam vault init` makes one; without it runs are recorded as before",
            ) from error
    for line in text.splitlines():
        if line.upper().startswith(age.IDENTITY.upper()):
            return Key(recipient=age.recipient_of(line), identity=line.strip())
        if line.startswith(PREFIX):
            return Key(secret=_key_bytes(line.strip().removeprefix(PREFIX), where))
    raise ConfigError(
        f"{where} holds no vault key",
        hint=f"a key begins with {PREFIX}, an age identity with AGE-SECRET-KEY-1",
    )


def _key_bytes(text: str, where: str) -> bytes:
    try:
        found = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, Error):
        found = b""
    if len(found) != _SIZE:
        raise ConfigError(f"the vault key in {where} is damaged", hint="look for a copy of it")
    return found


def path_of(store: str) -> Path:
    """Where the vault of a store lies. Raises ConfigError for a store that is no file."""
    name = store.removeprefix("sqlite:///")
    if name == store:
        raise ConfigError(f"{store} has no vault", hint="a vault lies beside a store in a file")
    return Path(name + SUFFIX).absolute()


@dataclass(slots=True, weakref_slot=True)
class Vault:
    """One file, read; and what was added since. `keep` may be called from any thread.

    The file stays open, so that it can be told when another one has taken its place.
    """

    path: Path
    key: Key
    sections: dict[str, Section] = field(default_factory=dict)
    _sealed: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)  # by pseudonym
    _own: Section | None = None  # the one that is added to
    _handle: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, path: Path, key: Key) -> "Vault":
        """The vault as it is now; it need not be there yet. Raises DashcamError."""
        vault = cls(path, key)
        vault._read()
        return vault

    def __len__(self) -> int:
        return len(self._sealed)

    def names(self) -> list[tuple[str, bool]]:
        """The pseudonyms, and whether this key opens them."""
        return [
            (name, any(self._opens(key) for key, _ in sealed))
            for name, sealed in self._sealed.items()
        ]

    def keep(self, pseudonym: bytes, value: bytes) -> None:
        """Seals what stood where a pseudonym now stands, unless it is here. Raises OSError."""
        name = pseudonym.decode()
        with self._lock:
            while True:
                if self._is_replaced():
                    self._read()
                if any(self._is_own(key) for key, _ in self._sealed.get(name, ())):
                    return
                section = self._own or self._begin()
                if section is None or section.key is None:
                    continue
                nonce = os.urandom(_NONCE)
                sealed = nonce + AESGCM(section.key).encrypt(nonce, value, pseudonym)
                line = {"key": section.id, "secret": name, "sealed": b64encode(sealed).decode()}
                if self._append(line):
                    self._sealed.setdefault(name, []).append((section.id, sealed))
                    return

    def reveal(self, pseudonym: str) -> bytes:
        """What stood there. Raises DashcamError: it is not here, or sealed with another key."""
        found = self._sealed.get(pseudonym)
        if not found:
            raise DashcamError(
                f"the vault {self.path} has no {pseudonym}",
                hint="it has what was recorded with --vault, since then",
            )
        for key, sealed in found:
            section = self.sections.get(key)
            if section is None or section.key is None:
                continue
            try:
                return AESGCM(section.key).decrypt(
                    sealed[:_NONCE], sealed[_NONCE:], pseudonym.encode()
                )
            except InvalidTag:
                raise DashcamError(f"{pseudonym} is damaged in the vault {self.path}") from None
        raise DashcamError(
            f"{pseudonym} was sealed with another key ({self._owner(found[0][0])})",
            hint="give that one with --vault; all that is not in the vault works without it",
        )

    def restored(self, text: bytes) -> bytes:
        """The text with secrets in place of the pseudonyms that this vault opens."""

        def put_back(found: re.Match[bytes]) -> bytes:
            name = found[0].decode()
            opens = any(self._opens(key) for key, _ in self._sealed.get(name, ()))
            return self.reveal(name) if opens else found[0]

        return re.sub(_PSEUDONYM.pattern.encode(), put_back, text)

    # --- inside ------------------------------------------------------------------------------

    def _read(self) -> None:
        """Takes in the file that is there now, if there is one."""
        self.sections, self._sealed, self._own = {}, {}, None
        self._hold()
        for line in _lines(self.path):
            try:
                self._take(line)
            except (KeyError, ValueError) as error:  # binascii.Error is one
                raise DashcamError(f"the vault {self.path} is damaged: {error!r}") from error

    def _hold(self) -> None:
        try:
            self._handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._handle = None  # reading it says why
        else:
            weakref.finalize(self, os.close, self._handle)

    def _is_replaced(self) -> bool:
        return self._handle is not None and os.fstat(self._handle).st_nlink == 0

    def _take(self, line: Mapping[str, Any]) -> None:
        if "sealed" in line:
            sealed = _decoded(line["sealed"])
            self._sealed.setdefault(str(line["secret"]), []).append((str(line["key"]), sealed))
        elif "salt" in line or "wrapped" in line:
            section = self._section(line)
            self.sections[section.id] = section
            if section.key is not None and section.of == self.key.recipient:
                self._own = section

    def _opens(self, section: str) -> bool:
        return section in self.sections and self.sections[section].key is not None

    def _is_own(self, section: str) -> bool:
        """Whether what a section holds can be opened by who holds our key."""
        found = self.sections.get(section)
        if found is None:
            return False
        return found.of == self.key.recipient if found.of else found.key is not None

    def _owner(self, section: str) -> str:
        found = self.sections.get(section)
        return found.of if found and found.of else f"key {section}"

    def _section(self, line: Mapping[str, Any]) -> Section:
        name = str(line["key"])
        if "salt" in line:
            key = None
            if self.key.secret:
                key = _derived(self.key.secret, _decoded(line["salt"]))
                key = key if hmac.compare_digest(_id(key), name) else None
            return Section(name, "", key)
        of, key = str(line["for"]), None
        if self.key.identity and of == self.key.recipient:
            key = age.decrypt(_decoded(line["wrapped"]), self.key.identity)
        return Section(name, of, key)

    def _begin(self) -> Section | None:
        """A section of our own; with a recipient each process has one, as it can open no other.

        None when another file has taken this one's place.
        """
        line: dict[str, str]
        if self.key.recipient:
            key = os.urandom(_SIZE)
            wrapped = b64encode(age.encrypt(key, self.key.recipient)).decode()
            line = {"key": _id(key), "for": self.key.recipient, "wrapped": wrapped}
        else:
            salt = os.urandom(_SIZE)
            key = _derived(self.key.secret, salt)
            line = {"key": _id(key), "salt": b64encode(salt).decode()}
        if not self._append(line):
            return None
        self._own = Section(_id(key), self.key.recipient, key)
        self.sections[self._own.id] = self._own
        return self._own

    def _append(self, line: Mapping[str, str]) -> bool:
        """One line, on the disk when this returns; several processes may do so.

        False when another file has taken the place of the one that was read.
        """
        private_files.make(self.path)
        if self._handle is None:
            self._hold()
        handle = os.open(self.path, _SYNC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)  # until it is closed
            if self._handle is None or not _is_same(handle, self._handle):
                self._read()
                return False
            os.write(handle, b"\n" + json.dumps(line).encode() + b"\n")  # after what a crash cut
            os.fsync(handle)
        finally:
            os.close(handle)
        return True


def names_in(path: Path) -> set[str]:
    """The pseudonyms in a vault; no key is needed. Raises DashcamError."""
    return {str(line["secret"]) for line in _lines(path) if "secret" in line}


def forget(path: Path, names: AbstractSet[str]) -> int:
    """Takes secrets out of a vault, whoever sealed them; how many. No key is needed.

    The file is written anew, and the old one overwritten. Raises OSError, DashcamError.
    """
    new = path.with_name(path.name + "-new")
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink == 0:
            return forget(path, names)  # somebody else was faster
        lines = list(_lines(path))
        kept = [line for line in lines if line.get("secret") not in names]
        new.unlink(missing_ok=True)  # what a crash has left
        private_files.make(new)
        with new.open("wb") as file:
            file.writelines(json.dumps(line).encode() + b"\n" for line in kept)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        os.pwrite(handle, bytes(os.fstat(handle).st_size), 0)
        os.fsync(handle)
    finally:
        os.close(handle)
    return len({line.get("secret") for line in lines} & names)


def _is_same(one: int, other: int) -> bool:
    return os.path.samestat(os.fstat(one), os.fstat(other))


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """The lines that are whole: a crash may have cut one off."""
    try:
        text = path.read_text("utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise DashcamError(f"the vault {path} cannot be read: {error}") from error
    for line in text.splitlines():
        try:
            found = json.loads(line) if line else None
        except ValueError:
            continue
        if isinstance(found, dict) and "key" in found:
            yield found


def _decoded(text: Any) -> bytes:
    return b64decode(str(text), validate=True)


def _derived(secret: bytes, salt: bytes) -> bytes:
    return HKDF(SHA256(), _SIZE, salt, b"dashcam vault v1").derive(secret)


def _id(key: bytes) -> str:
    return hmac.digest(key, b"dashcam vault key id", "sha256").hex()[:16]
