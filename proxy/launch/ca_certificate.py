"""The certificate of an authority: made, read and described.

Extensions follow RFC 5280, section 4.2, closely enough for OpenSSL's strict mode (the default of
Python 3.13). A part of its own, because the library that does it is slow to import, and a CA that
was read before need not be read again.
"""

import datetime as dt
import getpass
import ipaddress
import os
import secrets
import socket
from collections.abc import Sequence
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from proxy.errors import DashcamError

_BACKDATED = dt.timedelta(days=2)  # for clients whose clock is slow
_VALID = dt.timedelta(days=365)
_CN_LIMIT = 64  # ub-common-name, RFC 5280 appendix A


class Pair(NamedTuple):
    """Key and certificate, both as PEM."""

    key: bytes
    cert: bytes


class Facts(NamedTuple):
    """What may be shown of a CA; `fingerprint` is SHA-256 in hexadecimal with colons."""

    name: str
    fingerprint: str
    not_before: dt.datetime
    not_after: dt.datetime
    name_constraints: tuple[str, ...]


def make(name_constraints: Sequence[str], since: dt.datetime | None = None) -> Pair:
    """A new CA for these hosts and addresses (empty: for any), valid `since` then."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _pair(key, _certificate(key, name_constraints, since))


def read(raw: bytes) -> Pair:
    """Key and certificate of a PEM text that holds both.

    Raises:
        ValueError: It does not.
        DashcamError: They do not belong together, or the key is of another kind than ours.
    """
    key = serialization.load_pem_private_key(raw, None)
    cert = x509.load_pem_x509_certificate(raw)
    if cert.public_key() != key.public_key():
        raise DashcamError(
            "the CA's key and certificate do not belong together",
            hint="dashcam ca rotate makes a new CA",
        )
    return _pair(key, cert)


def facts(cert_pem: bytes) -> Facts:
    """Name, fingerprint, validity and constraints of a certificate."""
    cert = x509.load_pem_x509_certificate(cert_pem)
    return Facts(
        name=cert.subject.rfc4514_string(),
        fingerprint=cert.fingerprint(hashes.SHA256()).hex(":").upper(),
        not_before=cert.not_valid_before_utc,
        not_after=cert.not_valid_after_utc,
        name_constraints=_constraints(cert),
    )


def _pair(key: object, cert: x509.Certificate) -> Pair:
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise DashcamError(
            "the CA's key is not an elliptic-curve key", hint="dashcam ca rotate makes a new CA"
        )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Pair(key_pem, cert.public_bytes(serialization.Encoding.PEM))


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
