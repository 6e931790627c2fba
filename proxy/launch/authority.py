"""The certificate authority of this install: made once, kept private, renewed before it runs out.

One file is the truth, `ca.pem` (key and certificate, as mitmproxy's certificate store reads it);
`ca-cert.pem` is the part that may be shown and is written anew whenever it differs. Both carry mode
0600 in a folder of mode 0700; a wider one is refused, because whoever can read the key can pose as
any site to everything that trusts it. Extensions follow RFC 5280, section 4.2, closely enough for
OpenSSL's strict mode (the default of Python 3.13).
"""

import contextlib
import datetime as dt
import fcntl
import getpass
import ipaddress
import os
import secrets
import socket
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from proxy.errors import ConfigError, DashcamError

PEM_NAME = "ca.pem"
CERT_NAME = "ca-cert.pem"
_LOCK_NAME = ".lock"

_BACKDATED = dt.timedelta(days=2)  # for clients whose clock is slow
_VALID = dt.timedelta(days=365)
_RENEW_BEFORE = dt.timedelta(days=2)  # no run lasts longer than what is left
_CN_LIMIT = 64  # ub-common-name, RFC 5280 appendix A


@dataclass(slots=True, frozen=True)
class Authority:
    """The CA: certificate and key as PEM, and the files that hold them."""

    cert_pem: bytes
    key_pem: bytes
    cert_path: Path
    pem_path: Path


class Facts(NamedTuple):
    """What may be shown of a CA; `fingerprint` is SHA-256 in hexadecimal with colons."""

    name: str
    fingerprint: str
    not_before: dt.datetime
    not_after: dt.datetime
    name_constraints: tuple[str, ...]
    path: Path


def load_or_create(
    folder: Path, *, name_constraints: Sequence[str] = (), since: dt.datetime | None = None
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
            authority = _load(folder)
            if authority is not None and not _runs_out(authority):
                _same_constraints(authority, name_constraints)
                return authority
            kept = () if authority is None else facts(authority).name_constraints
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


def facts(authority: Authority) -> Facts:
    """Name, fingerprint, validity and constraints of `authority`."""
    cert = x509.load_pem_x509_certificate(authority.cert_pem)
    digest = cert.fingerprint(hashes.SHA256()).hex(":").upper()
    return Facts(
        name=cert.subject.rfc4514_string(),
        fingerprint=digest,
        not_before=cert.not_valid_before_utc,
        not_after=cert.not_valid_after_utc,
        name_constraints=_constraints(cert),
        path=authority.cert_path,
    )


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
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    for path in (folder, folder / PEM_NAME, folder / CERT_NAME):
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


def _load(folder: Path) -> Authority | None:
    path = folder / PEM_NAME
    if not path.exists():
        return None
    raw = path.read_bytes()
    try:
        key = serialization.load_pem_private_key(raw, None)
        cert = x509.load_pem_x509_certificate(raw)
    except ValueError as err:
        raise DashcamError(
            f"{path} is not a key and a certificate",
            hint="dashcam ca rotate makes a new CA",
        ) from err
    if cert.public_key() != key.public_key():
        raise DashcamError(
            f"the key and the certificate in {path} do not belong together",
            hint="dashcam ca rotate makes a new CA",
        )
    return _authority(folder, _key_pem(key), cert.public_bytes(serialization.Encoding.PEM))


def _authority(folder: Path, key_pem: bytes, cert_pem: bytes) -> Authority:
    cert_path = folder / CERT_NAME
    if not cert_path.exists() or cert_path.read_bytes() != cert_pem:
        _replace(cert_path, cert_pem)
    return Authority(cert_pem, key_pem, cert_path, folder / PEM_NAME)


def _write(
    folder: Path, name_constraints: Sequence[str], since: dt.datetime | None = None
) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    cert = _certificate(key, name_constraints, since)
    key_pem, cert_pem = _key_pem(key), cert.public_bytes(serialization.Encoding.PEM)
    _replace(folder / PEM_NAME, key_pem + cert_pem)
    return _authority(folder, key_pem, cert_pem)


def _replace(path: Path, data: bytes) -> None:
    """Write atomically; the file is never wider than 0600, whatever the umask."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _key_pem(key: object) -> bytes:
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise DashcamError(
            "the CA's key is not an elliptic-curve key", hint="dashcam ca rotate makes a new CA"
        )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate(
    key: ec.EllipticCurvePrivateKey, name_constraints: Sequence[str], since: dt.datetime | None
) -> x509.Certificate:
    # a subject of its own for every CA: clients that cached an older one must not mix them up
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Dashcam"),
            x509.NameAttribute(NameOID.COMMON_NAME, _common_name()),
        ]
    )
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    ski = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since or now - _BACKDATED)
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(ski, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski), critical=False
        )
    )
    if name_constraints:
        builder = builder.add_extension(_name_constraints(name_constraints), critical=True)
    return builder.sign(key, hashes.SHA256())


def _common_name() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's uid without a name
        user = str(os.geteuid())
    mark = secrets.token_hex(3)
    return f"Dashcam CA {mark} {user}@{socket.gethostname()}"[:_CN_LIMIT]


def _key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _name_constraints(names: Sequence[str]) -> x509.NameConstraints:
    """Permit `names` only. A kind of name that is not permitted at all is excluded as a whole.

    RFC 5280, section 4.2.1.10: a constraint says nothing about other kinds of names, so a list of
    hosts alone would leave every IP address free.
    """
    permitted: list[x509.GeneralName] = []
    excluded: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            permitted.append(x509.IPAddress(ipaddress.ip_network(name, strict=False)))
        except ValueError:
            permitted.append(x509.DNSName(name))
    if not any(isinstance(name, x509.IPAddress) for name in permitted):
        everywhere = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
        excluded += [x509.IPAddress(network) for network in everywhere]
    if not any(isinstance(name, x509.DNSName) for name in permitted):
        excluded.append(x509.DNSName(""))
    return x509.NameConstraints(permitted, excluded or None)


def _constraints(cert: x509.Certificate) -> tuple[str, ...]:
    try:
        found = cert.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(_plain(name) for name in found.permitted_subtrees or ())


def _plain(name: x509.GeneralName) -> str:
    if isinstance(name, x509.IPAddress):
        network = ipaddress.ip_network(str(name.value))
        if network.prefixlen == network.max_prefixlen:
            return str(network.network_address)
    return str(name.value)


def _same_constraints(authority: Authority, wanted: Sequence[str]) -> None:
    found = facts(authority).name_constraints
    if wanted and set(wanted) != set(found):
        made_for = ", ".join(found) or "any host"
        raise ConfigError(
            f"the CA in {authority.pem_path.parent} was made for {made_for}, "
            f"not for {', '.join(wanted)}",
            hint="dashcam ca rotate makes a new CA; clients must be given the new certificate",
        )


def _runs_out(authority: Authority) -> bool:
    return facts(authority).not_after - dt.datetime.now(dt.UTC) < _RENEW_BEFORE
