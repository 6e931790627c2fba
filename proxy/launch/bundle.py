"""The CA bundle of a run: the roots its clients trusted before, and our CA.

Every client's CA variable but Node's replaces what the client trusts, it does not add to it; so
the bundle must hold the public roots too, or traffic that Dashcam passes on untouched would fail.
"""

import base64
import binascii
import contextlib
import functools
import importlib
import os
import re
import ssl
import warnings
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

BUNDLE_NAME = "ca-bundle.pem"
EXTRA_NAME = "ca-extra.pem"
TRUST_STORE_NAME = "ca-bundle.p12"
_KEPT = "trust-"
TRUST_STORE_PASSWORD = "changeit"  # noqa: S105 - Java's customary one; the file holds no secret

# Variables that replace the roots of everything built on OpenSSL, and of Go.
_GENERAL_FILE = "SSL_CERT_FILE"
_GENERAL_FOLDERS = "SSL_CERT_DIR"
# Variables of one client each: what they point to is trusted in addition.
_SINGLE_FILES = (
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "DENO_CERT",
    "CODEX_CA_CERTIFICATE",
    "HTTPLIB2_CA_CERTS",
    "NIX_SSL_CERT_FILE",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
)
# Where systems keep their roots in one file.
_SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, BSD, Alpine
    "/opt/homebrew/etc/ca-certificates/cert.pem",
    "/usr/local/etc/ca-certificates/cert.pem",
)
_LARGEST = 8 << 20  # a bundle of roots has some 200 kB; anything beyond this is something else

_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
_CERTIFICATE = re.compile(
    rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----"
)


def write_bundle(folder: Path, ca_pem: bytes, env: Mapping[str, str]) -> Path:
    """Write `ca-bundle.pem`, mode 0600, into `folder`: our CA first, then the roots of `env`.

    Roots are what `SSL_CERT_FILE` and `SSL_CERT_DIR` point to, else the system's, else certifi's;
    and, added to them, what the CA variables of single clients point to. Each certificate is
    written once. Files that are missing or hold no certificate are passed over, as the clients
    that were pointed to them would have failed anyway.
    """
    path = folder / BUNDLE_NAME
    _write_private(path, _pem(_distinct(ca_pem, env)))
    return path


def write_extra(folder: Path, ca_pem: bytes, env: Mapping[str, str]) -> Path:
    """Write `ca-extra.pem`: our CA and what the user's NODE_EXTRA_CA_CERTS points to.

    Node adds them to the roots it was built with, and reads them slowly, at every start: some two
    milliseconds for each.
    """
    path = folder / EXTRA_NAME
    own = _from_file(env.get("NODE_EXTRA_CA_CERTS"))
    _write_private(path, _pem(dict.fromkeys([*_certificates(ca_pem), *own])))
    return path


def write_trust_store(folder: Path, bundle: Path, kept: Path | None = None) -> Path:
    """Write the certificates of `bundle` as a PKCS12 trust store, which is what Java reads.

    Making one takes long: that of the last bundle is kept in `kept`, a private folder, if given.
    """
    path = folder / TRUST_STORE_NAME
    pem = bundle.read_bytes()
    known = kept / f"{_KEPT}{sha256(pem).hexdigest()}.p12" if kept else None
    if known is None:
        _write_private(path, _trust_store(pem))
        return path
    try:
        made = known.read_bytes()
    except OSError:
        made = _trust_store(pem)
        with contextlib.suppress(OSError):  # a folder that cannot be written to costs time alone
            _keep(known, made)
    _write_private(path, made)
    return path


def _keep(known: Path, made: bytes) -> None:
    """In the place of those of other bundles."""
    fresh = known.with_name(f".{known.name}.{os.getpid()}")
    _write_private(fresh, made)
    fresh.replace(known)
    for other in known.parent.glob(f"{_KEPT}*.p12"):
        if other != known:
            other.unlink(missing_ok=True)


def _trust_store(pem: bytes) -> bytes:
    from cryptography import x509  # noqa: PLC0415 - slow to import
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - likewise
        BestAvailableEncryption,
        pkcs12,
    )
    from cryptography.utils import CryptographyDeprecationWarning  # noqa: PLC0415 - likewise

    certs = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # old roots are odd
        for number, text in enumerate(_certificates(pem)):
            try:
                cert = x509.load_der_x509_certificate(base64.b64decode(text))
            except ValueError:  # too odd: Java would not read it either
                continue
            certs.append(pkcs12.PKCS12Certificate(cert, f"root-{number}".encode()))
    lock = BestAvailableEncryption(TRUST_STORE_PASSWORD.encode())
    return pkcs12.serialize_java_truststore(certs, lock)


def _distinct(ca_pem: bytes, env: Mapping[str, str]) -> list[bytes]:
    roots = list(_general(env)) or list(_system()) or list(_certifi())
    # the variables mostly name one and the same file
    names = dict.fromkeys(env[name] for name in _SINGLE_FILES if env.get(name))
    names.pop(env.get(_GENERAL_FILE, ""), None)
    single = (text for name in names for text in _from_file(name))
    return list(dict.fromkeys([*_certificates(ca_pem), *roots, *single]))


def _general(env: Mapping[str, str]) -> Iterator[bytes]:
    yield from _from_file(env.get(_GENERAL_FILE))
    for folder in env.get(_GENERAL_FOLDERS, "").split(os.pathsep):
        if folder and Path(folder).is_dir():
            names = sorted(path.name for path in Path(folder).iterdir())
            # where `openssl rehash` has been, the same files stand there under other names too
            for name in [name for name in names if _HASHED.fullmatch(name)] or names:
                yield from _from_file(str(Path(folder, name)))


def _system() -> Iterator[bytes]:
    compiled_in = ssl.get_default_verify_paths().openssl_cafile
    for name in (*_SYSTEM_FILES, compiled_in):
        found = list(_from_file(name))
        if found:
            yield from found
            return


def _certifi() -> Iterator[bytes]:
    try:
        certifi = importlib.import_module("certifi")
    except ImportError:
        return
    yield from _from_file(certifi.where())


def _from_file(name: str | None) -> Iterator[bytes]:
    if not name:
        return
    path = Path(name)
    try:
        if path.is_file() and path.stat().st_size <= _LARGEST:
            yield from _certificates(path.read_bytes())
    except OSError:  # unreadable for us, so for the client too
        return


def _certificates(pem: bytes) -> Iterator[bytes]:
    """The certificates of a PEM text as base64 of one line; what is not base64 is passed over."""
    for block in _CERTIFICATE.finditer(pem):
        text = b"".join(block[1].split())
        if _is_base64(text):
            yield text


@functools.lru_cache(1000)  # the same roots stand in file after file
def _is_base64(text: bytes) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    return True


def _pem(certificates: Iterable[bytes]) -> bytes:
    lines: list[bytes] = []
    for text in certificates:
        lines.append(b"-----BEGIN CERTIFICATE-----")
        lines += [text[at : at + 64] for at in range(0, len(text), 64)]
        lines.append(b"-----END CERTIFICATE-----\n")
    return b"\n".join(lines)


def _write_private(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)
