"""The key that signs checkpoints: Ed25519, one per install, in a file of its own."""

import secrets
import stat
from base64 import b64decode
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from proxy.core.chain import Checkpoint, encoded
from proxy.errors import DashcamError
from proxy.stores import private_files

NAME = "checkpoint-key.pem"
_FINGERPRINT = 16  # hexadecimal digits


def load_or_make(folder: Path) -> Ed25519PrivateKey:
    """The key in `folder`, made now if there is none; DashcamError for one that others may read."""
    path = folder / NAME
    try:
        if not path.exists():
            _make(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        raw = path.read_bytes()
    except OSError as error:
        raise DashcamError(
            f"the key {path} cannot be used: {error.strerror}",
            hint="set `home` to a folder of yours",
        ) from error
    if mode & 0o077:
        raise DashcamError(
            f"{path} is open to others (mode {mode:04o}); who has it can sign as you",
            hint=f"make a new one: remove {path}, and tell who pinned the old one",
        )
    return _key(raw, path)


def _make(path: Path) -> None:
    """Whole or not at all, and of two that make one the first one's."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    private_files.make(fresh)
    try:
        fresh.write_bytes(_pem(Ed25519PrivateKey.generate()))
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
    finally:
        fresh.unlink()


def _key(raw: bytes, path: Path) -> Ed25519PrivateKey:
    with suppress(ValueError):
        key = serialization.load_pem_private_key(raw, None)
        if isinstance(key, Ed25519PrivateKey):
            return key
    raise DashcamError(f"{path} holds no Ed25519 key", hint="move it away; a new one is made")


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public(key: Ed25519PrivateKey) -> str:
    """The part that may be shown, in base64, as checkpoints carry it."""
    return encoded(key.public_key().public_bytes_raw())


def known(folder: Path) -> str | None:
    """The public key of this install, None when it has never signed anything."""
    return public(load_or_make(folder)) if (folder / NAME).exists() else None


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> Checkpoint:
    """The same with key and signature."""
    keyed = replace(checkpoint, key=public(key))
    return replace(keyed, signature=encoded(key.sign(keyed.signed)))


def is_signed(checkpoint: Checkpoint) -> bool:
    """Whether its signature is that of its key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(b64decode(checkpoint.key))
        key.verify(b64decode(checkpoint.signature), checkpoint.signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def fingerprint(key: str) -> str:
    """A public key in short, for people to compare."""
    return sha256(b64decode(key)).hexdigest()[:_FINGERPRINT]
