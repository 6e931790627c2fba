import datetime as dt
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from mitmproxy.certs import CertStore

from proxy.errors import ConfigError, DashcamError
from proxy.launch import ca_certificate
from proxy.launch.authority import Authority, facts, load_or_create, rotate


def key_of(authority: Authority) -> bytes:
    """The key, as PEM, which stands before the certificate."""
    return authority.pem_path.read_bytes().removesuffix(authority.cert_pem)


def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = load_or_create(tmp_path / "a" / "ca")
    finally:
        os.umask(before)
    folder = made.pem_path.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == dict.fromkeys(("ca.pem", "ca-cert.pem", ".read", ".lock"), 0o600)


def test_loading_again_gives_the_same(tmp_path: Path) -> None:
    first = load_or_create(tmp_path / "ca")
    assert load_or_create(tmp_path / "ca") == first
    assert first.pem_path.read_bytes() == key_of(first) + first.cert_pem
    assert first.cert_path.read_bytes() == first.cert_pem


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
    monkeypatch.setattr(ca_certificate, "_VALID", dt.timedelta(days=1))
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
    write(tmp_path / "mixed", key_of(one) + other.cert_pem)
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


def test_what_was_read_once_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = ["a.test", "127.0.0.1"]
    made = load_or_create(tmp_path / "ca", name_constraints=hosts)
    monkeypatch.setattr(ca_certificate, "read", None)
    assert load_or_create(tmp_path / "ca", name_constraints=hosts[::-1]) == made
    with pytest.raises(ConfigError, match=r"was made for a\.test, 127"):
        load_or_create(tmp_path / "ca", name_constraints=["b.test"])


@pytest.mark.parametrize(
    "said", [b"", b"[]", b"{}", b'["x", "y", 9e9, []]', b"\xff", b'[1,2,"x",3]']
)
def test_what_says_something_else_of_the_files_is_written_anew(tmp_path: Path, said: bytes) -> None:
    made = load_or_create(tmp_path / "ca")
    read = tmp_path / "ca" / ".read"
    truth = read.read_bytes()
    read.write_bytes(said)
    assert load_or_create(tmp_path / "ca") == made
    assert read.read_bytes() == truth


def test_files_that_were_changed_are_read_again(tmp_path: Path) -> None:
    one, other = load_or_create(tmp_path / "one"), load_or_create(tmp_path / "other")
    one.pem_path.write_bytes(other.pem_path.read_bytes())
    assert load_or_create(tmp_path / "one").cert_pem == other.cert_pem
    one.pem_path.write_bytes(b"nonsense")
    with pytest.raises(DashcamError, match="is not a key and a certificate"):
        load_or_create(tmp_path / "one")
