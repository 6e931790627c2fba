import datetime as dt
import getpass
import os
import socket
import ssl
import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from mitmproxy.certs import DEFAULT_DHPARAM, CertStore

from proxy.errors import ConfigError, DashcamError
from proxy.launch import authority as module
from proxy.launch.authority import Authority, facts, load_or_create, rotate


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


def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = load_or_create(tmp_path / "a" / "ca")
    finally:
        os.umask(before)
    folder = made.pem_path.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"ca.pem": 0o600, "ca-cert.pem": 0o600, ".lock": 0o600}


def test_loading_again_gives_the_same(tmp_path: Path) -> None:
    first = load_or_create(tmp_path / "ca")
    assert load_or_create(tmp_path / "ca") == first
    assert first.pem_path.read_bytes() == first.key_pem + first.cert_pem
    assert first.cert_path.read_bytes() == first.cert_pem


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


def test_constraints_are_part_of_the_ca(tmp_path: Path) -> None:
    names = ["api.example.com", "127.0.0.1"]
    made = load_or_create(tmp_path / "ca", name_constraints=names)
    assert facts(made).name_constraints == ("api.example.com", "127.0.0.1")
    assert load_or_create(tmp_path / "ca") == made
    assert load_or_create(tmp_path / "ca", name_constraints=names[::-1]) == made
    with pytest.raises(ConfigError, match=r"made for api.example.com, 127.0.0.1, not for x.test"):
        load_or_create(tmp_path / "ca", name_constraints=["x.test"])


@pytest.mark.parametrize(
    ("name", "mode"), [(".", 0o750), ("ca.pem", 0o644), ("ca-cert.pem", 0o640)]
)
def test_wider_permissions_are_refused_with_the_remedy(
    tmp_path: Path, name: str, mode: int
) -> None:
    folder = tmp_path / "ca"
    load_or_create(folder)
    path = folder / name
    path.chmod(mode)
    for use in (load_or_create, rotate):
        with pytest.raises(DashcamError, match=f"open to others .mode 0{mode:o}.") as caught:
            use(folder)
        assert caught.value.hint is not None
        assert caught.value.hint.startswith("chmod ")


def test_files_of_another_user_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_or_create(tmp_path / "ca")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(DashcamError, match="belongs to another user"):
        load_or_create(tmp_path / "ca")


def test_a_user_without_a_name_is_named_by_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert f" {os.geteuid()}@" in facts(load_or_create(tmp_path / "ca")).name


def test_rotate_makes_another_one(tmp_path: Path) -> None:
    first = load_or_create(tmp_path / "ca")
    second = rotate(tmp_path / "ca")
    assert facts(second).fingerprint != facts(first).fingerprint
    assert facts(second).name != facts(first).name
    assert load_or_create(tmp_path / "ca") == second
    assert second.cert_path.read_bytes() == second.cert_pem


def test_an_expiring_ca_is_renewed_for_the_same_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_VALID", dt.timedelta(days=1))
    old = load_or_create(tmp_path / "ca", name_constraints=["a.test"])
    monkeypatch.undo()
    new = load_or_create(tmp_path / "ca")
    assert new != old
    assert facts(new).name_constraints == ("a.test",)
    assert load_or_create(tmp_path / "ca") == new


def test_certificate_file_follows_the_truth(tmp_path: Path) -> None:
    made = load_or_create(tmp_path / "ca")
    made.cert_path.unlink()
    load_or_create(tmp_path / "ca")
    assert made.cert_path.read_bytes() == made.cert_pem


def test_facts(tmp_path: Path) -> None:
    made = load_or_create(tmp_path / "ca")
    found = facts(made)
    cert = x509.load_pem_x509_certificate(made.cert_pem)
    assert found.fingerprint.replace(":", "").lower() == cert.fingerprint(hashes.SHA256()).hex()
    assert found.not_before < dt.datetime.now(dt.UTC) < found.not_after
    assert found.path == made.cert_path


def write(folder: Path, data: bytes) -> None:
    folder.mkdir(mode=0o700)
    path = folder / "ca.pem"
    path.touch(0o600)
    path.write_bytes(data)


def test_a_damaged_file_is_one_clear_line(tmp_path: Path) -> None:
    write(tmp_path / "ca", b"nonsense")
    with pytest.raises(DashcamError, match="is not a key and a certificate"):
        load_or_create(tmp_path / "ca")


def test_foreign_keys_are_refused(tmp_path: Path) -> None:
    one, other = load_or_create(tmp_path / "one"), load_or_create(tmp_path / "other")
    write(tmp_path / "mixed", one.key_pem + other.cert_pem)
    with pytest.raises(DashcamError, match="do not belong together"):
        load_or_create(tmp_path / "mixed")


def test_an_rsa_ca_is_refused(tmp_path: Path) -> None:
    CertStore.create_store(tmp_path / "mitm", "mitmproxy", 2048)
    write(tmp_path / "ca", (tmp_path / "mitm" / "mitmproxy-ca.pem").read_bytes())
    loaded = serialization.load_pem_private_key((tmp_path / "ca" / "ca.pem").read_bytes(), None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    with pytest.raises(DashcamError, match="not an elliptic-curve key"):
        load_or_create(tmp_path / "ca")


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DashcamError, match="cannot be used"):
        load_or_create(tmp_path / "file" / "ca")


def test_those_that_start_at_once_share_one_ca(tmp_path: Path) -> None:
    # threads stand for processes: every one opens the lock file for itself, and flock goes by that
    ready = threading.Barrier(8)

    def start(_: int) -> Authority:
        ready.wait()
        return load_or_create(tmp_path / "ca")

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(start, range(8)))
    assert len(found) == 1
