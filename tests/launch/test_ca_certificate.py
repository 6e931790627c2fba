import datetime as dt
import getpass
import os
import socket
import ssl
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from mitmproxy.certs import DEFAULT_DHPARAM, CertStore

from proxy.errors import DashcamError
from proxy.launch import ca_certificate
from proxy.launch.authority import Authority, facts, load_or_create


def store(authority: Authority, folder: Path) -> CertStore:
    dhparams = folder / "dhparam.pem"
    dhparams.write_bytes(DEFAULT_DHPARAM)
    return CertStore.from_files(authority.pem_path, dhparams)


def leaf(authority: Authority, folder: Path, name: str) -> Path:
    """Key and certificate for `name` as mitmproxy mints them.

    An address is not given as common name too: OpenSSL would hold that against the permitted hosts.
    """
    if name[0].isdigit():
        entry = store(authority, folder).get_cert(None, [x509.IPAddress(ip_address(name))])
    else:
        entry = store(authority, folder).get_cert(name, [x509.DNSName(name)])
    key = entry.privatekey.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / f"{name}.pem"
    path.write_bytes(key + entry.cert.to_pem())
    return path


def handshake(authority: Authority, folder: Path, name: str) -> None:
    """A TLS handshake in memory, verified as strictly as Python 3.13 does by default."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(leaf(authority, folder, name))
    client = ssl.create_default_context(cadata=authority.cert_pem.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    done: set[ssl.SSLObject] = set()
    while len(done) < len(ends):
        for end in ends:
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                continue


def test_certificate_is_a_constrained_p256_ca_that_says_whose_it_is(tmp_path: Path) -> None:
    cert = x509.load_pem_x509_certificate(load_or_create(tmp_path / "ca").cert_pem)
    name = cert.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    assert str(name).startswith("Dashcam CA ")
    assert socket.gethostname()[:8] in str(name)
    key = cert.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    basic = cert.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert (basic.value.ca, basic.value.path_length) == (True, 0)
    usage = cert.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature
    assert dt.timedelta(days=300) < cert.not_valid_after_utc - dt.datetime.now(dt.UTC)
    assert cert.not_valid_after_utc - cert.not_valid_before_utc < dt.timedelta(days=398)


def test_strict_verification_accepts_leaves(tmp_path: Path) -> None:
    handshake(load_or_create(tmp_path / "ca"), tmp_path, "api.example.com")


def test_openssl_accepts_ca_and_leaf_strictly(tmp_path: Path) -> None:
    made = load_or_create(tmp_path / "ca")
    path = leaf(made, tmp_path, "api.example.com")
    argv = ["openssl", "verify", "-x509_strict", "-CAfile", str(made.cert_path), str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("OK\n"), done.stderr


@pytest.mark.parametrize(
    ("constraints", "name", "accepted"),
    [
        (["api.example.com"], "api.example.com", True),
        (["example.com"], "api.example.com", True),
        (["api.example.com"], "api.example.org", False),
        (["api.example.com"], "127.0.0.1", False),
        (["127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.1"], "127.0.0.2", False),
        (["127.0.0.1"], "api.example.com", False),
        (["10.0.0.0/8", "api.example.com"], "10.1.2.3", True),
    ],
)
def test_name_constraints_hold(
    tmp_path: Path, constraints: list[str], name: str, accepted: bool
) -> None:
    made = load_or_create(tmp_path / "ca", name_constraints=constraints)
    if accepted:
        handshake(made, tmp_path, name)
        return
    with pytest.raises(ssl.SSLCertVerificationError, match=r"subtree|excluded"):
        handshake(made, tmp_path, name)


def test_a_user_without_a_name_is_named_by_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert f" {os.geteuid()}@" in facts(load_or_create(tmp_path / "ca")).name


def test_facts(tmp_path: Path) -> None:
    made = load_or_create(tmp_path / "ca")
    found = facts(made)
    cert = x509.load_pem_x509_certificate(made.cert_pem)
    assert found.fingerprint.replace(":", "").lower() == cert.fingerprint(hashes.SHA256()).hex()
    assert found.not_before < dt.datetime.now(dt.UTC) < found.not_after


def test_what_was_made_is_read_again() -> None:
    made = ca_certificate.make([])
    assert ca_certificate.read(made.key + made.cert) == made
    assert ca_certificate.read(made.cert + made.key) == made


def test_what_is_no_pair_is_refused() -> None:
    one, other = ca_certificate.make([]), ca_certificate.make([])
    with pytest.raises(ValueError, match="PEM"):
        ca_certificate.read(one.cert)
    with pytest.raises(DashcamError, match="do not belong together"):
        ca_certificate.read(one.key + other.cert)
