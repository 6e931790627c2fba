"""The certificate authority of this install: made once, kept private, renewed before it runs out.

One file is the truth, `ca.pem` (key and certificate, as mitmproxy's certificate store reads it);
`ca-cert.pem` is the part that may be shown and is written anew whenever it differs; `.read` says
what was found when the two were read last, so that nobody needs to read them again. All carry mode
0600 in a folder of mode 0700; a wider one is refused, because whoever can read the key can pose as
any site to everything that trusts it.
"""

import contextlib
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from proxy.errors import ConfigError, DashcamError
from proxy.stores import private_files

if TYPE_CHECKING:
    import datetime as dt

    from proxy.launch.ca_certificate import Facts, Pair

PEM_NAME = "ca.pem"
CERT_NAME = "ca-cert.pem"
_LOCK_NAME = ".lock"
_READ_NAME = ".read"

_RENEW_BEFORE = 2 * 86400.0  # seconds; no run lasts longer than what is left


@dataclass(slots=True, frozen=True)
class Authority:
    """The CA: its certificate as PEM, and the files that hold it, with the key and without."""

    cert_pem: bytes
    cert_path: Path
    pem_path: Path


class _Read(NamedTuple):
    """What was found in the two files, of these digests: until when it is valid, and for whom."""

    pem: str
    cert: str
    not_after: float  # Unix seconds
    hosts: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, pem: bytes, cert: bytes) -> Self | None:
        """What `path` says of these two; None when it says nothing, or is of others."""
        try:
            found: Any = json.loads(path.read_bytes())
            read = cls(str(found[0]), str(found[1]), float(found[2]), tuple(map(str, found[3])))
        except (OSError, ValueError, TypeError, LookupError):
            return None
        return read if (read.pem, read.cert) == (_digest(pem), _digest(cert)) else None


def load_or_create(
    folder: Path, *, name_constraints: Sequence[str] = (), since: "dt.datetime | None" = None
) -> Authority:
    """The CA kept in `folder`, made now if there is none or if the old one is about to expire.

    Args:
        folder: A folder of its own, mode 0700; created when missing.
        name_constraints: Hosts and addresses the CA may sign for; empty: whatever it was made for.
        since: From when one that is made now is valid; None: two days ago.

    Raises:
        DashcamError: The folder or a file in it is open to others, or cannot be read or written.
        ConfigError: The CA on disk was made for other hosts.
    """
    with _reporting(folder):
        _prepare(folder)
        with _locked(folder):
            found = _load(folder)
            if found is not None and found[1].not_after - time() >= _RENEW_BEFORE:
                _same_hosts(folder, found[1].hosts, name_constraints)
                return found[0]
            kept = () if found is None else found[1].hosts
            return _write(folder, name_constraints or kept, since)


def rotate(folder: Path, *, name_constraints: Sequence[str] = ()) -> Authority:
    """Replace the CA of `folder` by a new one; what trusted the old one no longer trusts us.

    Raises:
        DashcamError: As in `load_or_create`.
    """
    with _reporting(folder):
        _prepare(folder)
        with _locked(folder):
            return _write(folder, name_constraints)


def facts(authority: Authority) -> "Facts":
    """Name, fingerprint, validity and constraints of `authority`."""
    from proxy.launch import ca_certificate  # noqa: PLC0415 - slow to import

    return ca_certificate.facts(authority.cert_pem)


@contextlib.contextmanager
def _reporting(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        what = err.strerror or str(err)
        raise DashcamError(
            f"the CA in {folder} cannot be used: {what}", hint="give a folder you may write to"
        ) from err


def _prepare(folder: Path) -> None:
    """Make the folder, or refuse one that others may read."""
    private_files.make_folder(folder)
    for path in (folder, *(folder / name for name in (PEM_NAME, CERT_NAME, _READ_NAME))):
        if not path.exists():
            continue
        found = path.stat()
        mode = stat.S_IMODE(found.st_mode)
        if mode & 0o077:
            wanted = "700" if path == folder else "600"
            raise DashcamError(
                f"{path} is open to others (mode {mode:04o}); the CA's key must be private",
                hint=f"chmod {wanted} {path}",
            )
        if found.st_uid != os.geteuid():
            raise DashcamError(
                f"{path} belongs to another user", hint="give a folder of your own for the CA"
            )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two processes that start at once must end up with one CA."""
    lock = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _load(folder: Path) -> tuple[Authority, _Read] | None:
    path, cert_path = folder / PEM_NAME, folder / CERT_NAME
    if not path.exists():
        return None
    raw = path.read_bytes()
    cert_pem = cert_path.read_bytes() if cert_path.exists() else b""
    if read := _Read.of(folder / _READ_NAME, raw, cert_pem):
        return Authority(cert_pem, cert_path, path), read
    from proxy.launch import ca_certificate  # noqa: PLC0415 - slow to import

    try:
        pair = ca_certificate.read(raw)
    except ValueError as err:
        raise DashcamError(
            f"{path} is not a key and a certificate",
            hint="dashcam ca rotate makes a new CA",
        ) from err
    return _kept(folder, raw, pair)


def _kept(folder: Path, raw: bytes, pair: "Pair") -> tuple[Authority, _Read]:
    """The other files follow the truth, `raw`, which holds `pair`."""
    from proxy.launch import ca_certificate  # noqa: PLC0415 - slow to import

    cert_path = folder / CERT_NAME
    if not cert_path.exists() or cert_path.read_bytes() != pair.cert:
        _replace(cert_path, pair.cert)
    found = ca_certificate.facts(pair.cert)
    read = _Read(
        _digest(raw), _digest(pair.cert), found.not_after.timestamp(), found.name_constraints
    )
    _replace(folder / _READ_NAME, json.dumps(read).encode())
    return Authority(pair.cert, cert_path, folder / PEM_NAME), read


def _write(
    folder: Path, name_constraints: Sequence[str], since: "dt.datetime | None" = None
) -> Authority:
    from proxy.launch import ca_certificate  # noqa: PLC0415 - slow to import

    pair = ca_certificate.make(name_constraints, since)
    raw = pair.key + pair.cert
    _replace(folder / PEM_NAME, raw)
    return _kept(folder, raw, pair)[0]


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def _replace(path: Path, data: bytes) -> None:
    """Write atomically; the file is never wider than 0600, whatever the umask."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _same_hosts(folder: Path, found: Sequence[str], wanted: Sequence[str]) -> None:
    if wanted and set(wanted) != set(found):
        made_for = ", ".join(found) or "any host"
        raise ConfigError(
            f"the CA in {folder} was made for {made_for}, not for {', '.join(wanted)}",
            hint="dashcam ca rotate makes a new CA; clients must be given the new certificate",
        )
