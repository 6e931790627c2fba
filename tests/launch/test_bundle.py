import importlib
import re
import ssl
import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from proxy.launch import bundle as module
from proxy.launch.authority import Authority, load_or_create
from proxy.launch.bundle import write_bundle, write_extra, write_trust_store


@pytest.fixture
def roots(tmp_path: Path) -> list[bytes]:
    """Three certificates to stand for public roots."""
    return [load_or_create(tmp_path / f"root{number}").cert_pem for number in range(3)]


def certificates(path: Path) -> list[bytes]:
    blocks = re.findall(
        r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", path.read_text(), re.DOTALL
    )
    return [block.encode() for block in blocks]


def test_our_ca_first_then_what_the_environment_pointed_to(
    tmp_path: Path, authority: Authority, roots: list[bytes]
) -> None:
    (tmp_path / "general.pem").write_bytes(b"# a comment\n" + roots[0] + roots[1])
    (tmp_path / "aws.pem").write_bytes(roots[2] + roots[0])
    env = {
        "SSL_CERT_FILE": str(tmp_path / "general.pem"),
        "REQUESTS_CA_BUNDLE": str(tmp_path / "general.pem"),
        "AWS_CA_BUNDLE": str(tmp_path / "aws.pem"),
        "PIP_CERT": str(tmp_path / "missing.pem"),
        "CURL_CA_BUNDLE": "",
    }
    path = write_bundle(tmp_path, authority.cert_pem, env)
    assert certificates(path) == [authority.cert_pem, *roots]


@pytest.mark.parametrize("names", [("0a1b2c3d.0", "0a1b2c3d.1"), ("one.pem", "two.crt")])
def test_a_folder_of_roots(
    tmp_path: Path, authority: Authority, roots: list[bytes], names: tuple[str, str]
) -> None:
    folder = tmp_path / "certs"
    folder.mkdir()
    for name, pem in zip(names, roots, strict=False):
        (folder / name).write_bytes(pem)
    env = {"SSL_CERT_DIR": f"{tmp_path / 'none'}:{folder}"}
    path = write_bundle(tmp_path, authority.cert_pem, env)
    assert certificates(path) == [authority.cert_pem, *roots[:2]]


def test_hashed_names_spare_reading_each_root_twice(
    tmp_path: Path, authority: Authority, roots: list[bytes]
) -> None:
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "0a1b2c3d.0").write_bytes(roots[0])
    (tmp_path / "certs" / "unhashed.pem").write_bytes(roots[1])
    env = {"SSL_CERT_DIR": str(tmp_path / "certs")}
    path = write_bundle(tmp_path, authority.cert_pem, env)
    assert certificates(path) == [authority.cert_pem, roots[0]]


def test_else_the_first_system_file_that_holds_any(
    tmp_path: Path, authority: Authority, roots: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.pem").write_bytes(b"")
    (tmp_path / "system.pem").write_bytes(roots[0])
    (tmp_path / "second.pem").write_bytes(roots[1])
    (tmp_path / "node.pem").write_bytes(roots[2])
    names = [str(tmp_path / name) for name in ("none.pem", "empty.pem", "system.pem", "second.pem")]
    monkeypatch.setattr(module, "_SYSTEM_FILES", names)
    env = {"NODE_EXTRA_CA_CERTS": str(tmp_path / "node.pem")}
    path = write_bundle(tmp_path, authority.cert_pem, env)
    assert certificates(path) == [authority.cert_pem, roots[0], roots[2]]


def test_else_certifi(
    tmp_path: Path, authority: Authority, roots: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "certifi.pem").write_bytes(roots[0])
    verify_paths = SimpleNamespace(openssl_cafile=str(tmp_path / "none.pem"))
    monkeypatch.setattr(module, "_SYSTEM_FILES", ())
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: verify_paths)
    found = SimpleNamespace(where=lambda: str(tmp_path / "certifi.pem"))
    monkeypatch.setattr(importlib, "import_module", {"certifi": found}.__getitem__)
    path = write_bundle(tmp_path, authority.cert_pem, {})
    assert certificates(path) == [authority.cert_pem, roots[0]]


def test_without_any_root_our_ca_is_left(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        raise ImportError(name)

    verify_paths = SimpleNamespace(openssl_cafile=str(tmp_path / "none.pem"))
    monkeypatch.setattr(module, "_SYSTEM_FILES", ())
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: verify_paths)
    monkeypatch.setattr(importlib, "import_module", fail)
    path = write_bundle(tmp_path, authority.cert_pem, {})
    assert certificates(path) == [authority.cert_pem]


def test_broken_blocks_and_odd_files_are_passed_over(
    tmp_path: Path, authority: Authority, roots: list[bytes]
) -> None:
    broken = b"-----BEGIN CERTIFICATE-----\nabcde\n-----END CERTIFICATE-----\n"
    (tmp_path / "roots.pem").write_bytes(broken + roots[0].replace(b"\n", b"\r\n"))
    env = {
        "SSL_CERT_FILE": str(tmp_path / "roots.pem"),
        "PIP_CERT": str(tmp_path),
        "AWS_CA_BUNDLE": "/dev/zero",
    }
    path = write_bundle(tmp_path, authority.cert_pem, env)
    assert certificates(path) == [authority.cert_pem, roots[0]]


def test_openssl_loads_the_bundle_and_it_is_private(tmp_path: Path, authority: Authority) -> None:
    path = tmp_path / "ca-bundle.pem"
    path.touch(0o666)  # left there by somebody
    path = write_bundle(tmp_path, authority.cert_pem, {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    assert len(context.get_ca_certs()) == len(certificates(path))


def test_extra_holds_only_what_is_added(
    tmp_path: Path, authority: Authority, roots: list[bytes]
) -> None:
    assert certificates(write_extra(tmp_path, authority.cert_pem, {})) == [authority.cert_pem]
    (tmp_path / "node.pem").write_bytes(roots[0])
    env = {"NODE_EXTRA_CA_CERTS": str(tmp_path / "node.pem"), "SSL_CERT_FILE": "/ignored"}
    path = write_extra(tmp_path, authority.cert_pem, env)
    assert certificates(path) == [authority.cert_pem, roots[0]]


def test_trust_store_for_java(tmp_path: Path, authority: Authority, roots: list[bytes]) -> None:
    unreadable = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(authority.cert_pem + unreadable + roots[0])
    path = write_trust_store(tmp_path, bundle)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    argv = ["openssl", "pkcs12", "-in", str(path), "-nokeys", "-passin", "pass:changeit"]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert shown.count("BEGIN CERTIFICATE") == 2
    # the attribute without which Java sees certificates, but no trusted ones (JDK 8 and later)
    assert shown.count("2.16.840.1.113894.746875.1.1") == 2
    loaded = pkcs12.load_pkcs12(path.read_bytes(), b"changeit")
    assert {cert.friendly_name for cert in loaded.additional_certs} == {b"root-0", b"root-2"}


def test_a_trust_store_is_made_once_for_a_bundle(
    tmp_path: Path, authority: Authority, roots: list[bytes]
) -> None:
    bundle, kept = tmp_path / "bundle.pem", tmp_path / "kept"
    kept.mkdir()

    def made(pem: bytes) -> bytes:
        bundle.write_bytes(pem)
        return write_trust_store(tmp_path, bundle, kept).read_bytes()

    first = made(authority.cert_pem)
    assert made(authority.cert_pem) == first  # it would have had another salt
    second = made(authority.cert_pem + roots[0])
    assert len(pkcs12.load_pkcs12(second, b"changeit").additional_certs) == 2
    assert [path.read_bytes() for path in kept.iterdir()] == [second]
    kept.joinpath(next(kept.iterdir()).name).unlink()
    kept.rmdir()
    assert made(authority.cert_pem) != first  # nowhere to keep it
